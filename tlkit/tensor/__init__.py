"""TensorFlow's own parts: devices, tf.data, graphs and fused updates."""
