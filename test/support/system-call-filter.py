"""Runs a program under the system call filter and the address families of a systemd service file, without systemd.

usage: system-call-filter.py UNIT SYSTEMD-ANALYZE PROGRAM [ARGUMENT...]

Exits with 77 where libseccomp is missing or the kernel has no seccomp. What is refused gets EPERM, as with
SystemCallErrorNumber=EPERM, and clone3 ENOSYS, as with RestrictNamespaces=yes.
"""
import ctypes, os, socket, subprocess, sys

ALLOW, ERRNO, EQUAL = 0x7FFF0000, 0x00050000, 4
EPERM, ENOSYS, MISSING = 1, 38, 77


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def values(unit, directive):
    lines = open(unit, encoding="utf8").read().splitlines()
    return [line.split("=", 1)[1] for line in lines if line.startswith(directive + "=")]


def expand(analyze, word):
    if not word.startswith("@"):
        return {word}
    lines = subprocess.run([analyze, "syscall-filter", word], capture_output=True, text=True, check=True).stdout
    words = [line.strip() for line in lines.splitlines()[1:]]
    return set().union(*(expand(analyze, name) for name in words if name and not name.startswith("#")))


def allowed(unit, analyze):
    calls = expand(analyze, "@default")
    for value in values(unit, "SystemCallFilter"):
        named = set().union(*(expand(analyze, word) for word in value.lstrip("~").split()))
        calls = calls - named if value.startswith("~") else calls | named
    return calls


def load(unit, analyze):
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(ERRNO | EPERM)))

    def rule(action, name, *comparisons):
        number = library.seccomp_syscall_resolve_name(name.encode())
        several = (Comparison * len(comparisons))(*comparisons)
        if number >= 0:
            library.seccomp_rule_add_array(context, ctypes.c_uint32(action), number, len(comparisons), several)

    for name in allowed(unit, analyze) - {"socket", "clone3"}:
        rule(ALLOW, name)
    rule(ERRNO | ENOSYS, "clone3")
    for family in " ".join(values(unit, "RestrictAddressFamilies")).split():
        rule(ALLOW, "socket", Comparison(0, EQUAL, getattr(socket, family), 0))
    return library.seccomp_load(context) == 0


try:
    loaded = load(*sys.argv[1:3])
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(MISSING)
if not loaded:
    sys.exit(MISSING)
os.execvp(sys.argv[3], sys.argv[3:])
