"""Python as on Windows, as far as gsdd can see.

It begins when gsdd is first imported. What gsdd stands on is there by then: the standard library and torch asked which
system this is while they were imported, and have to go on working on the one that it really is.
"""

import importlib
import importlib.abc
import os
import shutil
import signal
import sys
from pathlib import Path
from types import ModuleType

STANDS_ON = [
    "PIL.Image", "click", "concurrent.futures.thread", "constriction", "filelock", "h5py", "multiprocessing.spawn",
    "numpy", "safetensors.torch", "spandrel", "torch", "torch.utils.data", "torchvision", "tqdm",
]  # fmt: skip
# https://docs.python.org/3/library: "Availability: Unix", and triton, which has no wheels for Windows.
MODULES = [
    "crypt", "fcntl", "grp", "nis", "ossaudiodev", "posix", "pty", "pwd", "readline", "resource", "spwd", "syslog",
    "termios", "triton", "tty",
]  # fmt: skip
# Not among them is what the standard library and torch call while they run: statvfs, SIGCHLD, pthread_sigmask, WNOHANG.
OF_OS = [
    "O_CLOEXEC", "O_DIRECT", "O_DIRECTORY", "O_DSYNC", "O_NOATIME", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_PATH",
    "O_RSYNC", "O_SYNC", "chown", "chroot", "fchmod", "fchown", "fdatasync", "fork", "forkpty", "fstatvfs", "getegid",
    "geteuid", "getgid", "getgroups", "getloadavg", "getpgid", "getpgrp", "getpriority", "getsid", "getuid", "killpg",
    "lchown", "lockf", "memfd_create", "mkfifo", "mknod", "nice", "openpty", "pathconf", "pipe2", "posix_fadvise",
    "posix_fallocate", "posix_spawn", "posix_spawnp", "pread", "preadv", "pwrite", "pwritev", "readv",
    "sched_getaffinity", "sched_setaffinity", "sched_yield", "sendfile", "setsid", "setpriority", "sync",
    "ttyname", "wait3", "wait4", "writev",
]  # fmt: skip
OF_SIGNAL = [
    "SIGALRM", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGUSR1", "SIGUSR2",
    "SIGWINCH", "alarm", "pthread_kill", "setitimer", "sigwait",
]  # fmt: skip


class _Sys(ModuleType):
    """`sys` as modules of gsdd see it. What else asks while it runs, as multiprocessing does, has to hear the truth."""

    platform = "win32"

    def __getattr__(self, name):
        return getattr(sys, name)


SEEN = _Sys("sys")


class _Loader(importlib.abc.Loader):
    """Loads a module of gsdd on another platform."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def create_module(self, spec):
        return self.inner.create_module(spec)

    def exec_module(self, module):
        before, sys.platform = sys.platform, SEEN.platform
        try:
            self.inner.exec_module(module)
        finally:
            sys.platform = before
        if vars(module).get("sys") is sys:
            module.sys = SEEN


class Finder(importlib.abc.MetaPathFinder):
    """Finds modules of gsdd, and lets it begin with the first."""

    begun = False

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] != "gsdd":
            return None
        if not self.begun:
            self.begun = True
            become_windows()
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, others), None)
        if spec is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def become_windows():
    for name in STANDS_ON:
        importlib.import_module(name)
    sys.modules.update(dict.fromkeys(MODULES))
    for module, names in ((os, OF_OS), (signal, OF_SIGNAL)):
        for name in filter(module.__dict__.__contains__, names):
            delattr(module, name)
    keep_what_is_open()


def in_use(path):
    """Tell whether this process has a file open or mapped; /proc is the only one that knows."""
    place, process = Path(path).resolve(), Path("/proc/self")
    held = {Path(os.path.realpath(descriptor)) for descriptor in (process / "fd").iterdir()}
    return place.is_file() and (place in held or f" {place}\n" in (process / "maps").read_text())


def keep_what_is_open():
    """Let nothing be removed, renamed or replaced that this process has open or mapped."""
    shutil._use_fd_functions = False  # by paths, as on Windows
    for name in ("remove", "rename", "replace", "unlink"):
        setattr(os, name, _guarded(name, getattr(os, name)))


def _guarded(name, real):
    def call(*paths, **options):
        for path in paths:
            if in_use(path):
                raise PermissionError(13, "The process cannot access the file because it is being used", path)
        if name == "rename" and os.path.lexists(paths[1]):
            raise FileExistsError(17, "Cannot create a file when that file already exists", paths[1])
        return real(*paths, **options)

    return call
