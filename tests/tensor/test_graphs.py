"""Keras's private parts do what `tlkit.tensor.graphs` takes them for.

Written against Keras 3.15.1. Should a later one fail here, the graphs have
moved: mend `tlkit/tensor/graphs.py`, the only file that reads them.
"""

import keras
import numpy as np

from tlkit.tensor import graphs


def small():
    inputs = keras.Input((4,), name="in")
    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="inside")], name="inner"
    )
    x = inner(inputs)
    y = keras.layers.Dense(2, name="left")(x)
    z = keras.layers.Dense(2, name="right")(x)
    return keras.Model(inputs, keras.layers.add([y, z], name="sum"))


def test_a_tensor_knows_what_computed_it():
    model = small()
    found = graphs.origin(model.output)
    assert found.operation.name == "sum"
    assert (found.call, found.place) == (0, 0)
    before = graphs.first_input(found.operation)
    assert graphs.origin(before).operation.name == "left"


def test_calls_are_counted():
    layer, inputs = keras.layers.Dense(4), keras.Input((4,))
    layer(layer(inputs))
    assert graphs.count_calls(layer) == 2


def test_layers_inside_models_are_layers():
    names = {layer.name for layer in graphs.every_layer(small())}
    assert {"inside", "left", "right", "sum"} <= names


def test_nodes_come_in_the_order_in_which_they_run():
    names = [
        node.operation.name
        for node in graphs.nodes_in_order(graphs.graph_of(small()))
    ]
    assert names[0] == "inner"
    assert set(names[1:3]) == {"left", "right"}
    assert names[3:] == ["sum"]


def test_a_layer_has_no_graph_and_a_model_has():
    model = small()
    assert graphs.graph_of(model.get_layer("left")) is None
    assert graphs.graph_of(model.get_layer("inner")) is not None


def test_a_graph_runs_with_other_operations():
    model, seen = small(), []

    def replace(operation):
        seen.append(operation.name)
        return operation

    graph = graphs.graph_of(model)
    values = np.ones((1, 4), "float32")
    ready = graphs.standard_inputs(graph, values)
    outputs = keras.tree.flatten(graphs.run_through(graph, ready, replace))
    np.testing.assert_array_equal(outputs[0], model(values))
    assert sorted(seen) == ["inner", "left", "right", "sum"]
