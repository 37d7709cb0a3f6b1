"""Networks: the book's convnet, conv bases, and heads to put on them.

Every model is one flat functional graph from raw pixels, values 0 to 255, of
images of any size. It loads with plain `keras.models.load_model`.
"""
