"""YAML that people or strangers wrote: plain values only, every key once, nothing that swells or never ends."""

from pathlib import Path
from typing import Any

import yaml

from genloop.errors import GenloopError

LARGEST = 2**18  # bytes of a file: a thousand runs, which PyYAML takes seconds for
MOST_NODES = 100_000  # after anchors have been followed, by which a few lines can stand for billions
DEEPEST = 50  # levels


class _StrictLoader(yaml.SafeLoader):
    """Refuses keys that stand twice, of which PyYAML keeps the last, and says where a value is none of its kind."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _fault("a key that is no word", key)
            if key.value in seen:
                raise _fault(f"key '{key.value}' stands twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # as of 2024-02-31 or !!int x
            raise _fault(f"{str(node.value)[:40]!r} is no {node.tag.rpartition(':')[2]}", node) from None


def read_yaml(path: Path) -> Any:
    """Return what a file holds.

    Raises:
        GenloopError: names the file, and the line where it is known.
    """
    if path.stat().st_size > LARGEST:
        raise GenloopError(f"{path}: has {path.stat().st_size:,} bytes, more than {LARGEST:,}; shorten it")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GenloopError(
            f"{path}: is no UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from None
    return parse_yaml(text, path)


def parse_yaml(text: str, place: object) -> Any:
    """Return what a text holds.

    Raises:
        GenloopError: names ``place``, and the line where it is known.
    """
    try:
        loader = _StrictLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {}, 1)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        told = " ".join(str(error).split()).replace(' in "<unicode string>",', " at")
        raise GenloopError(f"{place}: {told}; mend it") from None
    except RecursionError:
        raise GenloopError(f"{place}: is nested too deeply; write it flat") from None


def declared_dependencies(pipeline: Path, stage: str, *inside: str) -> list[str]:
    """Return the dependencies that a pipeline declares for a stage; ``inside`` are the keys around them, as ``do``.

    Raises:
        GenloopError: there are none.
    """
    content = parse_yaml(pipeline.read_text(encoding="utf-8"), pipeline)
    keys = ("stages", stage, *inside, "deps")
    try:
        for key in keys:
            content = content[key]
        return [str(dependency) for dependency in content]
    except (KeyError, TypeError):
        raise GenloopError(f"{pipeline}: {'.'.join(keys)} is missing; bring dvc.yaml back from Git") from None


def _count(node: yaml.Node, known: dict[int, int], level: int) -> int:
    """Return how many values a node stands for; ``known`` are those of nodes seen before, 0 while one is counted."""
    if id(node) in known:
        if not known[id(node)]:
            raise _fault("an anchor that holds itself", node)
        return known[id(node)]
    if level > DEEPEST:
        raise _fault(f"more than {DEEPEST} levels", node)
    known[id(node)] = 0
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        inner = node.value
    elif isinstance(node, yaml.MappingNode):
        inner = [part for pair in node.value for part in pair]
    total = 1 + sum(_count(part, known, level + 1) for part in inner)
    if total > MOST_NODES:
        raise _fault(f"more than {MOST_NODES:,} values once its anchors are followed", node)
    known[id(node)] = total
    return total


def _fault(told: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, told, node.start_mark)
