# The commonest 10,000 passwords that are long enough to be chosen, one a line, in lower case and in the order of
# their bytes.
# usage: common_passwords.py FREQUENCY_LISTS.PY OUT
import pathlib
import runpy
import sys

COMMONEST = 10_000
SHORTEST = 8  # a shorter one is refused as such

source, out = sys.argv[1:]
ranked = runpy.run_path(source)["FREQUENCY_LISTS"]["passwords"]
if isinstance(ranked, str):
    ranked = ranked.split(",")
long_enough = [word for word in ranked if len(word) >= SHORTEST]
if len(long_enough) < COMMONEST:
    sys.exit(f"{source} has {len(long_enough)} passwords of {SHORTEST} characters or more")
chosen = sorted({word.lower().encode() for word in long_enough[:COMMONEST]})
pathlib.Path(out).write_bytes(b"".join(word + b"\n" for word in chosen))
