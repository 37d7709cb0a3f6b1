"""The `tlkit` command: one verb for each step of the way.

Every verb is a call or two into the library; nothing heavy is imported until
a verb runs.
"""

# Each registers its verbs, and `tlkit --help` has them in this order.
from tlkit.cli import datasets as datasets
from tlkit.cli import learning as learning
from tlkit.cli import models as models
from tlkit.cli import networks as networks
from tlkit.cli import stores as stores
from tlkit.cli.command import app as app
from tlkit.cli.command import errors_in_words as errors_in_words
from tlkit.cli.command import main as main
from tlkit.cli.learning import run_way_script as run_way_script
from tlkit.cli.printing import print_comparison as print_comparison
from tlkit.cli.printing import print_result as print_result
from tlkit.cli.requests import Request as Request
from tlkit.cli.scripts import run_script as run_script
