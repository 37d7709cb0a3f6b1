"""The networks that made the history of convnets: one paper, one file.

Each builder takes `(input_shape, classes)` and returns one flat functional
graph from images of that shape, normalised by the caller, to the classes.
All are built of Keras's own layers and operations and load with plain
`keras.models.load_model`. The exceptions are LeNet-1, LeNet-4 and LeNet-5:
their tables of connections are layers of tlkit.
"""

from tlkit.models.classic.alexnet import alexnet as alexnet
from tlkit.models.classic.alexnet import (
    local_response_normalisation as local_response_normalisation,
)
from tlkit.models.classic.alexnet import overlapping_pool as overlapping_pool
from tlkit.models.classic.connection_table import TableConv2D as TableConv2D
from tlkit.models.classic.densenet import dense_block as dense_block
from tlkit.models.classic.densenet import densenet121 as densenet121
from tlkit.models.classic.densenet import transition as transition
from tlkit.models.classic.googlenet import googlenet as googlenet
from tlkit.models.classic.googlenet import inception as inception
from tlkit.models.classic.lenet1 import lenet1 as lenet1
from tlkit.models.classic.lenet4 import lenet4 as lenet4
from tlkit.models.classic.lenet5 import lenet as lenet
from tlkit.models.classic.lenet5 import lenet5 as lenet5
from tlkit.models.classic.mnist import four_branches as four_branches
from tlkit.models.classic.mnist import inception_mnist as inception_mnist
from tlkit.models.classic.mnist import resnet_mnist as resnet_mnist
from tlkit.models.classic.networks import build_classic as build_classic
from tlkit.models.classic.nin import mlpconv as mlpconv
from tlkit.models.classic.nin import nin as nin
from tlkit.models.classic.radial_basis import MAPLoss as MAPLoss
from tlkit.models.classic.radial_basis import (
    nearest_accuracy as nearest_accuracy,
)
from tlkit.models.classic.resnet import residual as residual
from tlkit.models.classic.resnet import resnet18 as resnet18
from tlkit.models.classic.resnet import resnet34 as resnet34
from tlkit.models.classic.resnet import resnet50 as resnet50
from tlkit.models.classic.vgg import vgg11 as vgg11
from tlkit.models.classic.vgg import vgg13 as vgg13
from tlkit.models.classic.vgg import vgg16 as vgg16
from tlkit.models.classic.vgg import vgg19 as vgg19
from tlkit.models.classic.vgg import vgg_block as vgg_block
from tlkit.models.classic_specs import NETWORKS as NETWORKS
from tlkit.models.classic_specs import ClassicSpec as ClassicSpec
