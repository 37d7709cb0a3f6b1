"""Networks: the book's convnet, conv bases, heads to put on them.

Every model is one flat functional graph from raw pixels of any size, values
0 to 255, and loads with plain `keras.models.load_model`.
"""
