"""The catalogue: what to download, how to check it, and on what terms."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file on a server, and how to recognise it.

    Args:
        url: Address of the file, http or https.
        sha256: SHA-256 of the file in hexadecimal. A file with another one
            is never used.
        size: Exact size in bytes. No more than this is downloaded.
    """

    url: str
    sha256: str
    size: int

    @property
    def filename(self) -> str:
        """The last part of the address, which is its name in `archives/`."""
        return self.url.rsplit("/", 1)[-1]


@dataclasses.dataclass(frozen=True)
class PublicDataset:
    """A public data set: what to download and what to make of it.

    Args:
        name: The name by which users ask for it.
        target: Name of the folder or file made from it in the data folder.
        form: `"photographs"` is one zip of `PetImages/Cat` and
            `PetImages/Dog` that becomes a split folder. `"idx"` is four
            gzipped IDX files (training images and labels, test images and
            labels) that become one `.npz`. `"npz"` is one file that is used
            as it is.
        files: The files to download.
        unpacked_limit: Largest number of bytes that all photographs
            together, or one IDX file, may unpack to.
        source: Address of the page that publishes it.
        terms: Its licence, or what is known of its terms.
        citation: The paper to cite.
        class_names: Names of the labels 0, 1, ... of an `"idx"` data set.
    """

    name: str
    target: str
    form: Literal["photographs", "idx", "npz"]
    files: tuple[RemoteFile, ...]
    unpacked_limit: int
    source: str
    terms: str
    citation: str
    class_names: tuple[str, ...] = ()

    def mirrored(self, base_url: str) -> PublicDataset:
        """Returns the same files, with the same hashes, on another server.

        Args:
            base_url: Address of the folder on that server that has them.

        Raises:
            UsageError: It is not an http or https address.
        """
        if not base_url.lower().startswith(("http://", "https://")):
            raise UsageError(
                "A mirror must be an http or https address.",
                received=repr(base_url),
            )
        base = base_url.rstrip("/")
        files = tuple(
            dataclasses.replace(file, url=f"{base}/{file.filename}")
            for file in self.files
        )
        return dataclasses.replace(self, files=files)


_MICROSOFT = (
    "https://download.microsoft.com/download/3/E/1/"
    "3E1C3F21-ECDB-4869-8368-6DEBA77B919F/"
)
_ZALANDO = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
)
_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

_CATS_VS_DOGS = PublicDataset(
    name="cats-vs-dogs",
    target="cats-vs-dogs",
    form="photographs",
    # Size and sha256 as in Hugging Face datasets' `cats_vs_dogs` record;
    # GoMLX's dogs-versus-cats example has the same sha256.
    files=(
        RemoteFile(
            _MICROSOFT + "kagglecatsanddogs_5340.zip",
            "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
            824_887_076,
        ),
    ),
    unpacked_limit=2 * 2**30,
    source="https://www.microsoft.com/en-us/download/details.aspx?id=54765",
    terms=(
        "No open licence. Published by Microsoft Research for academic "
        "research: non-commercial research use, no re-publication without "
        "its permission (rules of the Kaggle competition Dogs vs. Cats, 2013)."
    ),
    citation=(
        "J. Elson, J. R. Douceur, J. Howell, J. Saul. Asirra: A CAPTCHA that "
        "Exploits Interest-Aligned Manual Image Categorization. ACM CCS, 2007."
    ),
)

_FASHION_MNIST = PublicDataset(
    name="fashion-mnist",
    target="fashion-mnist.npz",
    form="idx",
    # Sizes and sha256 as in TensorFlow Datasets' and Hugging Face datasets'
    # records of these files.
    files=(
        RemoteFile(
            _ZALANDO + "train-images-idx3-ubyte.gz",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            26_421_880,
        ),
        RemoteFile(
            _ZALANDO + "train-labels-idx1-ubyte.gz",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            29_515,
        ),
        RemoteFile(
            _ZALANDO + "t10k-images-idx3-ubyte.gz",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            4_422_102,
        ),
        RemoteFile(
            _ZALANDO + "t10k-labels-idx1-ubyte.gz",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            5_148,
        ),
    ),
    unpacked_limit=64 * 2**20,
    source="https://github.com/zalandoresearch/fashion-mnist",
    terms="MIT licence, copyright Zalando SE.",
    citation=(
        "H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a Novel Image Dataset "
        "for Benchmarking Machine Learning Algorithms. arXiv:1708.07747, 2017."
    ),
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)

_MNIST = PublicDataset(
    name="mnist",
    target="mnist.npz",
    form="npz",
    # The sha256 that `keras.datasets.mnist` itself checks.
    files=(
        RemoteFile(
            _KERAS + "mnist.npz",
            "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            11_490_434,
        ),
    ),
    unpacked_limit=64 * 2**20,
    source="https://keras.io/api/datasets/mnist/",
    terms="CC BY-SA 3.0, copyright Yann LeCun and Corinna Cortes.",
    citation=(
        "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-Based Learning "
        "Applied to Document Recognition. Proc. IEEE 86(11), 1998."
    ),
)

#: The public data sets by name.
PUBLIC: Mapping[str, PublicDataset] = MappingProxyType(
    {data.name: data for data in (_CATS_VS_DOGS, _FASHION_MNIST, _MNIST)}
)


def public_dataset(name: str) -> PublicDataset:
    """Returns the record of a public data set.

    Args:
        name: A name in `PUBLIC`.

    Raises:
        UsageError: No public data set has that name.
    """
    if name not in PUBLIC:
        raise UsageError(
            "There is no public data set of that name.",
            expected=", ".join(PUBLIC),
            received=repr(name),
            remedy=did_you_mean(name, PUBLIC),
        )
    return PUBLIC[name]
