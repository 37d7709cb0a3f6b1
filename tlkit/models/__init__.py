"""Networks: the book's convnet, conv bases, heads to put on them.

Every model is one flat functional graph from raw pixels of any size, values
0 to 255, and loads with plain `keras.models.load_model`.
"""

from tlkit.image_size import as_height_width as as_height_width
from tlkit.models.bases import build_base as build_base
from tlkit.models.convnet import build_convnet as build_convnet
from tlkit.models.freezing import block_names as block_names
from tlkit.models.freezing import find_layer as find_layer
from tlkit.models.freezing import freeze_all as freeze_all
from tlkit.models.freezing import freeze_below as freeze_below
from tlkit.models.heads import HeadSpec as HeadSpec
from tlkit.models.heads import attach_head as attach_head
from tlkit.models.heads import build_head as build_head
from tlkit.models.heads import copy_head_weights as copy_head_weights
from tlkit.models.heads import pool_features as pool_features
from tlkit.models.precision import with_precision as with_precision
from tlkit.models.specs import BASES as BASES
from tlkit.models.specs import ConvBaseSpec as ConvBaseSpec
from tlkit.models.specs import base_spec as base_spec
