"""Adam that reads and writes each weight in one pass over memory."""

from __future__ import annotations

import keras
import tensorflow as tf


class FusedAdam(keras.optimizers.Adam):
    """Keras's Adam by TensorFlow's fused kernel: the same numbers, sooner.

    Kingma and Ba, *Adam: A Method for Stochastic Optimization*,
    arXiv:1412.6980, algorithm 1 in the form of its section 2. A head's dense
    layer has millions of weights and little arithmetic, so its training waits
    for memory, which Keras's own update reads and writes several times. On
    several devices together Keras's own update is used.
    """

    def update_step(
        self,
        gradient: tf.Tensor,
        variable: tf.Variable,
        learning_rate: tf.Tensor,
    ) -> None:
        """Moves one variable and its two moments by one step.

        Args:
            gradient: Gradient of the loss, of the variable's shape.
            variable: The variable to move.
            learning_rate: Learning rate of this step, a scalar.
        """
        # The fused kernel takes the handle of one variable, and a mirrored
        # variable has one on every device.
        if self._distribution_strategy.num_replicas_in_sync > 1:
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        dtype = variable.dtype
        # The paper counts steps from 1, Keras from 0.
        step = tf.cast(self.iterations.value + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, dtype),
        )
