"""The names of the methods."""

from typing import Literal, get_args

Method = Literal["random", "herding", "kmeans", "gradient", "loss"]
METHODS: tuple[str, ...] = get_args(Method)
