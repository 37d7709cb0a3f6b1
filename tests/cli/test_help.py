"""The help is made of the registries, and a newcomer can read it."""

import re
import runpy

import pytest
from typer.testing import CliRunner

from tlkit.base.errors import UsageError
from tlkit.cli import app
from tlkit.cli.command import HEADINGS
from tlkit.cli.generated import flags_of
from tlkit.data.load import SAMPLE_SIZES
from tlkit.data.names import dataset_names
from tlkit.data.public.catalogue import PUBLIC
from tlkit.experiments.named import STUDIES
from tlkit.explain.methods.registry import DEFAULT_METHOD, METHODS, Method
from tlkit.models.classic_specs import NETWORKS
from tlkit.models.specs import BASES
from tlkit.plans.ways import WAYS
from tlkit.runs.run import RUNS_FOLDER

IN_ORDER = [
    *(
        "data",
        "scratch",
        "features",
        "augmented",
        "finetune",
        "train",
        "resume",
        "watch",
    ),
    *("evaluate", "predict", "explain", "activations", "filters"),
    *("describe", "facts", "study", "runs", "store"),
]
VERBS = [
    *([name] for name in IN_ORDER),
    *(["data", name] for name in ("show", "fetch", "make")),
    *(["store", name] for name in ("ls", "verify", "prune", "where")),
]


def call(*arguments, width="80"):
    told = {"TERMINAL_WIDTH": width, "COLUMNS": width}
    return CliRunner().invoke(app, [str(a) for a in arguments], env=told)


def help_of(*verb):
    done = call(*verb, "--help")
    assert done.exit_code == 0, done.output
    return done.stdout


def words(text):
    """The words of a help, whatever its line breaks and punctuation."""
    return set(re.findall(r"[\w+.-]*[\w+]", text))


@pytest.mark.parametrize(
    ("verb", "names"),
    [
        (["explain"], METHODS),
        (["study"], STUDIES),
        (["describe"], {**NETWORKS, **BASES}),
        (["features"], BASES),
        (["train"], WAYS),
        (["evaluate"], dataset_names()),
        (["data", "show"], dataset_names()),
        (["data", "fetch"], PUBLIC),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_the_help_lists_every_name_of_the_registry(verb, names):
    assert set(names) <= words(help_of(*verb))


def test_methods_of_pixels_are_told_from_those_of_a_layer():
    told = " ".join(help_of("explain").split())
    layer = re.search(r"look at a layer: ([^.]+)\.", told)[1].split(", ")
    pixels = re.search(r"look at the pixels: ([^.]+)\.", told)[1].split(", ")
    assert pixels == [
        "saliency",
        "smoothgrad",
        "integratedgradients",
        "occlusion",
    ]
    assert sorted([*layer, *pixels]) == sorted(METHODS)


def test_studies_are_told_apart_by_their_titles():
    told = " ".join(help_of("study").split())
    for name, study in STUDIES.items():
        assert f"{name} ({study.title})" in told


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_nothing_of_a_help_is_a_programmer_s(verb):
    text = help_of(*verb)
    # Types in angle brackets, tuples as Python prints them, click's braces.
    assert not re.search(r"<(str|int|float|path|list|bool)", text), text
    assert not re.search(r"default: [(\[]|None|\{", text), text
    usage = text.partition("\n\n")[0]
    for name in re.findall(r"^  ([A-Z]+)(?:\.\.\.)?  ", text, re.M):
        assert name in usage


@pytest.mark.parametrize(
    "verb", [verb for verb in VERBS if verb[0] not in WAYS], ids=" ".join
)
def test_every_option_is_explained_in_a_sentence(verb):
    text = help_of(*verb)
    for _, told in re.findall(r"(?m)^  (--\S+)(?:.*?)  +(\S.*)$", text):
        assert told[0].isupper(), told


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_more_than_a_few_options_have_headings(verb):
    text = help_of(*verb)
    options = re.findall(r"(?m)^  (?:-\S+, )?--", text)
    assert ("Most used:" in text) == (len(options) > 6), text


def test_the_command_has_its_verbs_in_the_order_in_which_one_needs_them():
    text = help_of()
    places = [text.index(f"\n{heading}:\n") for heading in HEADINGS]
    assert places == sorted(places)
    verbs = re.findall(r"(?m)^  ([a-z]+)  ", text)
    assert verbs == IN_ORDER
    # Nothing is cut off.
    assert "..." not in text.replace("[ARGS]...", "")


def test_defaults_of_the_library_are_those_of_the_help():
    assert f"[default: {RUNS_FOLDER}]" in help_of("runs")
    assert f"[default: {DEFAULT_METHOD}]" in help_of("explain")
    for count in SAMPLE_SIZES.values():
        assert f"[default: {count}]" in help_of("data", "make")


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (["explain", "model", "cat.jpg", "--method", "gradcan"], "gradcam"),
        (["study", "lenett"], "lenet"),
        (["describe", "lenet55"], "lenet5"),
        (["data", "fetch", "mnits"], "mnist"),
        (["data", "show", "cartoons"], "cartoon"),
        (["features", "cartoon", "--base", "vgg61"], "vgg16"),
    ],
)
def test_an_unknown_name_is_answered_with_a_near_one(told, meant):
    done = call(*told)
    assert done.exit_code == 2, done.output
    assert re.search(rf"Did you mean ([^?]*, )?{meant}\b", done.stderr)
    assert "Traceback" not in done.output


def test_another_method_is_a_line_of_the_registry(monkeypatch):
    """The help and the check of the option follow from the line."""
    method = Method("Gradients once more", "saliency.saliency", False)
    more = {**METHODS, "another": method}
    monkeypatch.setattr("tlkit.explain.methods.registry.METHODS", more)
    options = runpy.run_module("tlkit.explain.options")["ExplainOptions"]
    flag = flags_of(options)[0]
    assert "occlusion, another." in flag.option.help
    assert options(method=("another",)).method == ("another",)
    with pytest.raises(UsageError, match="Did you mean another"):
        options(method=("anoter",))
    assert method.draw is METHODS["saliency"].draw
