"""The tree that errors.py draws is the one that it has."""

import re

import pytest

from gsdd import errors

CLASSES = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
LINE = re.compile(r"^((?:│   )?)[├└]── (\w+) ", re.MULTILINE)


def test_the_drawing_names_every_class_below_its_parent():
    drawn, parent = {"GsddError": "Exception"}, "GsddError"
    for indent, name in LINE.findall(errors.__doc__):
        drawn[name] = parent if indent else "GsddError"
        parent = parent if indent else name
    assert drawn == {name: value.__bases__[0].__name__ for name, value in CLASSES.items()}


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - {"GsddError", "Interrupted"}))
def test_each_is_also_the_builtin_that_it_is(name):
    builtins = {base for base in CLASSES[name].__mro__ if base.__module__ == "builtins"}
    assert builtins - {Exception, BaseException, object}


def test_a_request_to_stop_is_not_taken_for_a_key():
    assert not issubclass(errors.Interrupted, KeyboardInterrupt)
