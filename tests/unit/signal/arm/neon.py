"""neon.py TEST LOOKS_INC SOURCE... - a test of src/signal built for AArch64 and run by qemu: the same bytes from NEON as from plain C, and as on this machine.

Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user. Where one of them is missing the test says so and is skipped."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
KERNEL_FILES = ("kernels_scalar.c", "kernels_neon.c")
ARGUMENTS = {"test_kernels.c": [], "test_audio_golden.c": [], "test_golden.c": ["neon", "family"]}


def skipped(reason):
    print("1..1")
    print(f"ok 1 - NEON # SKIP {reason}")
    sys.exit(0)


def main():
    test, looks = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    sources = [str(pathlib.Path(s).resolve()) for s in sys.argv[3:]]
    for tool, package in ((COMPILER, "gcc-aarch64-linux-gnu"), (EMULATOR, "qemu-user")):
        if not shutil.which(tool):
            skipped(f"{tool} is missing: apt-get install {package}")
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "test"
        own = [str(ROOT / "src" / "signal" / name) for name in KERNEL_FILES] + [str(ROOT / "src" / "base" / "why.c"), str(HERE / "stand_in.c")]
        built = subprocess.run([COMPILER, "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-D_GNU_SOURCE", "-ffp-contract=off", "-static",
                                f"-I{HERE}", f"-I{looks.parent}", f"-I{ROOT / 'src'}", str(test), *sources, *own, "-lm", "-o", str(program)], capture_output=True, text=True)
        if built.returncode and "string.h: No such file" in built.stderr:
            skipped("its C library is missing: apt-get install libc6-dev-arm64-cross")
        if built.returncode:
            print("1..1")
            print("not ok 1 - it is built for AArch64")
            print(built.stderr)
            return 1
        return subprocess.run([EMULATOR, str(program), *ARGUMENTS[test.name]]).returncode


if __name__ == "__main__":
    sys.exit(main())
