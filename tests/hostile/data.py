"""Hostile events, confounds, sidecars and images of a participant, each named in that participant's line."""

import gzip
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsglm.cli import main
from tests import tiny
from tests.hostile.row import Place, Row, checked, nested, setting, words

HEADER = "onset\tduration\ttrial_type\n"
DIM, DATATYPE, OFFSET, SLOPE, INTERCEPT, SFORM = 40, 70, 108, 112, 116, 280
"""Where things stand in a NIfTI header."""
Change = Callable[[Place], object]


def written(name: str, content: str | bytes) -> Change:
    """A file of the study with another content."""

    def make(place: Place) -> None:
        path: Path = getattr(place, name)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))

    return make


def pipe(name: str) -> Change:
    def make(place: Place) -> None:
        path: Path = getattr(place, name)
        path.unlink()
        os.mkfifo(path)

    return make


def device(name: str) -> Change:
    def make(place: Place) -> None:
        path: Path = getattr(place, name)
        path.unlink()
        path.symlink_to("/dev/zero")

    return make


def folder(name: str) -> Change:
    def make(place: Place) -> None:
        path: Path = getattr(place, name)
        path.unlink()
        path.mkdir()

    return make


def events(content: str, *said: str) -> Row:
    return Row(written("events", content), 65, ("events.tsv", *said))


def confounds(content: str | bytes, *said: str) -> Row:
    return Row(written("confounds", content), 65, ("confounds_timeseries.tsv", *said))


def sidecar(content: str | bytes, *said: str) -> Row:
    return Row(written("sidecar", content), 65, ("desc-preproc_bold", *said))


def description(content: str | bytes, *said: str) -> Row:
    return Row(written("description", content), 16, ("dataset_description.json", *said))


def header(name: str, *edits: tuple[int, str, object]) -> Change:
    """An image with other values in its header, as (place, format, value)."""

    def make(place: Place) -> None:
        path: Path = getattr(place, name)
        content = bytearray(gzip.decompress(path.read_bytes()))
        for at, form, value in edits:
            struct.pack_into(form, content, at, value)
        path.write_bytes(gzip.compress(bytes(content)))

    return make


def image(name: str, code: int, *said: str, edits: tuple[tuple[int, str, object], ...]) -> Row:
    file = {"bold": "desc-preproc_bold.nii.gz", "mask": "desc-brain_mask.nii.gz"}[name]
    return Row(header(name, *edits), code, (file, *said))


def dims(*sizes: int) -> tuple[tuple[int, str, object], ...]:
    return tuple((DIM + 2 * i, "<h", size) for i, size in enumerate(sizes))


def giant_mask(place: Place) -> None:
    """A thousand voxels each way, all zero: a gigabyte in four megabytes."""
    new: type = nib.Nifti1Header
    head = new()
    head.set_data_dtype(np.uint8)
    head.set_data_shape((1000, 1000, 1000))
    head["magic"], head["vox_offset"] = b"n+1", 352
    many = gzip.compress(bytes(10**7), 1)
    place.mask.write_bytes(gzip.compress(head.binaryblock + bytes(4)) + 100 * many)


def other_mask(place: Place) -> None:
    tiny.write_image(place.mask, np.zeros((260, 260, 260), np.uint8))


def second_extension(place: Place) -> None:
    """An extension that says it has two gigabytes."""
    content = bytearray(gzip.decompress(place.bold.read_bytes()))
    struct.pack_into("<f", content, OFFSET, 368.0)
    content[348:352] = b"\1\0\0\0"
    content[352:352] = struct.pack("<ii", 2**31 - 16, 6) + bytes(8)
    place.bold.write_bytes(gzip.compress(bytes(content[:-16])))


def unreadable(name: str) -> Change:
    """A loop of links, which no user may read either."""

    def make(place: Place) -> None:
        path: Path = getattr(place, name)
        path.unlink()
        path.symlink_to(path)

    return make


def plain_text(row: str, number: int) -> str:
    return HEADER + row * number


EVENTS: Mapping[str, Row] = {
    "events are a pipe": Row(pipe("events"), 65, ("events.tsv", "is a pipe")),
    "events are a device": Row(device("events"), 65, ("events.tsv", "is a device")),
    "events are a loop of links": Row(
        unreadable("events"), 74, ("events.tsv", "cannot be read", "copy it again")
    ),
    "events of 3,000 trial types": events(HEADER + "".join(f"{i}\t1\tt{i}\n" for i in range(3000)))._replace(
        said=("3000 trial types", "--model")
    ),
    "events of 110,000 rows": events(plain_text("1\t1\tmove\n", 110_000), "110000 events", "one run"),
    "events of 30,000 columns": events(
        "onset\tduration\ttrial_type\t" + "\t".join(f"c{i}" for i in range(30_000)) + "\n",
        "30,003 columns",
        "leave",
    ),
    "events of too many cells": events(HEADER + "\t\t\n" * 4_000_000, "8,000,000 cells", "one run"),
    "events of 70 MB": events("x" * 70_000_000, "more than 67,108,864", "correct"),
    "events of NUL": events("\0" * 1000, "no column onset", "add it"),
    "events of Latin-1": Row(
        written("events", "onset\tduration\ttrial_type\n1\t1\t\xf6\n".encode("latin-1")),
        65,
        ("events.tsv", "line 2", "save it as UTF-8"),
    ),
    "events of UTF-16": Row(
        written("events", (HEADER + "1\t1\tmove\n").encode("utf-16")), 65, ("events.tsv", "save it as UTF-8")
    ),
    "onset in Python's digits": events(HEADER + "1_0\t1\tmove\n", "line 2", "onset is 1_0"),
    "onset in other digits": events(HEADER + "\u0661\t1\tmove\n", "line 2", "onset"),
    "onset in hexadecimal": events(HEADER + "0x10\t1\tmove\n", "line 2", "onset is 0x10"),
    "onset of 1e400": events(HEADER + "1e400\t1\tmove\n", "line 2", "onset is 1e400"),
    "onset of 5,000 digits": events(HEADER + "9" * 5000 + "\t1\tmove\n", "line 2", "onset"),
    "onset infinite": events(HEADER + "inf\t1\tmove\n", "line 2", "onset is inf"),
    "onset with a comma": events(HEADER + "1,5\t1\tmove\n", "line 2", "onset is 1,5"),
    "duration negative": events(HEADER + "1\t-1\tmove\n", "line 2", "negative", "correct"),
    "duration of 1e300": events(HEADER + "1\t1e300\tmove\n", "line 2", "duration is 1e300"),
    "line break in a trial type": events(HEADER + '10\t1\t"mo\nve"\n20\t1\tlook\n', "line 2", "line break"),
    "tab in a trial type": events(HEADER + '10\t1\t"mo\tve"\n', "line 2", "quotation mark"),
    "row too long": events(HEADER + "1\t1\tmove\tx\n", "line 2", "4 cells"),
    "one quotation mark": events(HEADER + '1\t1\t"\n', "line 2", "quotation mark"),
    "control characters in the header": events("on\x1b[2Jset\tduration\n1\t1\n", "no column onset", "add it"),
    "a column name of a megabyte": events("o" * 10**6 + "\tduration\n", "no column onset", "add it"),
}
CONFOUNDS: Mapping[str, Row] = {
    "confounds are a pipe": Row(pipe("confounds"), 65, ("confounds", "is a pipe")),
    "confounds are a device": Row(device("confounds"), 65, ("confounds", "is a device")),
    "confounds of 100,000 columns": confounds(
        "\t".join(f"c{i}" for i in range(100_000)) + "\n", "100,000 columns", "leave"
    ),
    "confounds are binary": confounds(bytes(range(256)) * 100, "UTF-8", "save"),
    "confounds are empty": confounds("", "empty", "needs a line"),
    "confounds with a number in Python's digits": confounds(
        "\t".join(tiny.MOTION) + "\n" + ("1_0\t0\t0\t0\t0\t0\n" * tiny.N_SCANS), "line 2", "trans_x is 1_0"
    ),
    "confounds of 1e300": confounds(
        "\t".join(tiny.MOTION) + "\n" + ("1e300\t0\t0\t0\t0\t0\n" * tiny.N_SCANS),
        "line 2",
        "trans_x is 1e300",
    ),
    "confounds infinite": confounds(
        "\t".join(tiny.MOTION) + "\n" + ("-inf\t0\t0\t0\t0\t0\n" * tiny.N_SCANS), "line 2", "trans_x is -inf"
    ),
    "confounds with a line break": confounds('trans_x\n"0\n1"\n', "line 2", "line break"),
    "confounds of one row": confounds(
        "\t".join(tiny.MOTION) + "\n1\t1\t1\t1\t1\t1\n", "1 rows for the 70 scans", "both"
    ),
}
SIDECARS: Mapping[str, Row] = {
    "sidecar is a pipe": Row(pipe("sidecar"), 65, ("bold.json", "is a pipe")),
    "sidecar is a device": Row(device("sidecar"), 65, ("bold.json", "is a device")),
    "sidecar is nested deeply": sidecar(nested(100_000), "nested too deeply", "correct"),
    "sidecar is nested": sidecar(nested(100), "nested too deeply", "correct"),
    "sidecar is a list": sidecar("[2.0]", "no JSON object", "correct"),
    "sidecar is cut off": sidecar('{"RepetitionTime": 2.0,', "line 1", "not valid JSON"),
    "sidecar is no UTF-8": sidecar(b'{"a": "\xff"}', "line 1", "save it as UTF-8"),
    "sidecar has half a character": sidecar('{"a": "\\udc00"}', "half a character", "correct"),
    "sidecar of 20 MB": sidecar('{"a": "' + "x" * 20_000_000 + '"}', "more than 16,777,216", "correct"),
    **{
        f"repetition time {value:.12}": sidecar(f'{{"RepetitionTime": {value}}}', "RepetitionTime", "correct")
        for value in ("1" + "0" * 400, "-1", "0", "1e-300", "1e400", "NaN", '"2.0"', "[2.0]", "true", "2000")
    },
    **{
        f"start time {value:.12}": sidecar(
            f'{{"RepetitionTime": 2, "StartTime": {value}}}', "StartTime", "correct"
        )
        for value in ("1" + "0" * 400, "-1", '"1"', "{}", "Infinity", "3")
    },
    "description is nested deeply": description(nested(100_000), "nested too deeply", "correct"),
    "description is a pipe": Row(pipe("description"), 16, ("dataset_description.json", "missing"))._replace(
        said=("dataset_description.json", "every BIDS data set needs it")
    ),
    "description is a list": description("[]", "no JSON object", "correct"),
    "description generated by an object": description(
        '{"Name": "a", "BIDSVersion": "1.9.0", "GeneratedBy": {"Name": "fMRIPrep"}}',
        "GeneratedBy",
        "list of objects",
    ),
    "description generated by texts": description(
        '{"Name": "a", "BIDSVersion": "1.9.0", "GeneratedBy": ["fMRIPrep"]}', "GeneratedBy", "list of objects"
    ),
    "description is no UTF-8": description(b'{"Name": "\xff"}', "line 1", "save it as UTF-8"),
}
IMAGES: Mapping[str, Row] = {
    "mask of a thousand voxels each way": Row(
        giant_mask, 65, ("brain_mask.nii.gz", "1000 x 1000 x 1000", "again")
    ),
    "mask on a large grid of its own": Row(
        other_mask, 65, ("brain_mask.nii.gz", "260 x 260 x 260", "resample")
    ),
    "bold is a pipe": Row(pipe("bold"), 65, ("bold.nii.gz", "is a pipe")),
    "bold is a device": Row(device("bold"), 65, ("bold.nii.gz", "is a device")),
    "mask is a pipe": Row(pipe("mask"), 65, ("mask.nii.gz", "is a pipe")),
    "bold is empty": Row(written("bold", b""), 74, ("bold.nii.gz", "gzip", "copy")),
    "bold is half a header": Row(
        written("bold", gzip.compress(bytes(100))), 74, ("bold.nii.gz", "damaged", "copy")
    ),
    "bold is noise": Row(
        written("bold", gzip.compress(bytes(range(256)) * 9)), 74, ("bold.nii.gz", "damaged", "copy")
    ),
    "bold is gzip of nothing": Row(
        written("bold", gzip.compress(b"")), 74, ("bold.nii.gz", "damaged", "copy")
    ),
    "bold with a broken deflate": Row(
        written("bold", b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xff" * 99), 74, ("bold.nii.gz", "damaged", "copy")
    ),
    "extension of two gigabytes": Row(second_extension, 74, ("bold.nii.gz", "damaged", "copy")),
    "bold of 32,767 voxels each way": image(
        "bold", 65, "voxels or volumes", "again", edits=dims(4, 32767, 32767, 32767, 70)
    ),
    "mask of a billion voxels": image(
        "mask", 65, "voxels or volumes", "again", edits=dims(3, 32767, 32767, 1)
    ),
    "bold of more than the file holds": image(
        "bold", 74, "promises", "copy", edits=dims(4, 400, 400, 400, 32767)
    ),
    "mask of more than the file holds": image("mask", 74, "promises", "copy", edits=dims(3, 250, 250, 250)),
    "bold of no voxels": image("bold", 65, "dimensions", "needed", edits=dims(4, 0, 10, 8, 70)),
    "bold of negative size": image("bold", 65, "dimensions", "needed", edits=dims(4, -9, 10, 8, 70)),
    "bold of seven dimensions": image(
        "bold", 65, "dimensions", "needed", edits=dims(7, 9, 10, 2, 2, 2, 5, 7)
    ),
    "bold of one volume": image("bold", 65, "series of volumes", "exclude", edits=dims(4, 9, 10, 8, 1)),
    **{
        f"vox_offset {value:g}": image("bold", 65, "vox_offset", "again", edits=((OFFSET, "<f", value),))
        for value in (2e9, 1e30, float("inf"), float("nan"))
    },
    "vox_offset inside the header": image("bold", 74, "damaged", "copy", edits=((OFFSET, "<f", 100.0),)),
    "vox_offset negative": image("bold", 74, "damaged", "copy", edits=((OFFSET, "<f", -352.0),)),
    "slope of 1e38": image("bold", 65, "scl_slope", "again", edits=((SLOPE, "<f", 1e38),)),
    "intercept not a number": image(
        "bold", 65, "is not valid", "again", edits=((SLOPE, "<f", 2.0), (INTERCEPT, "<f", float("nan")))
    ),
    "complex values": image(
        "bold", 65, "complex64", "convert", edits=((DATATYPE, "<h", 32), (DATATYPE + 2, "<h", 64))
    ),
    "colours": image("bold", 65, "type", "convert", edits=((DATATYPE, "<h", 128), (DATATYPE + 2, "<h", 24))),
    "unknown type": image("bold", 74, "damaged", "copy", edits=((DATATYPE, "<h", 9999),)),
    "affine infinite": image("bold", 65, "affine", "again", edits=((SFORM, "<f", float("inf")),)),
    "half of a pair": image("bold", 65, "pair", "convert", edits=((344, "<4s", b"ni1\0"),)),
}


def huge_modulator(place: Place) -> list[str]:
    """Values whose twentieth power is infinite."""
    lines = [f"{10 * i}\t1\t{('move', 'look')[i % 2]}\t{i + 1}e29" for i in range(8)]
    place.events.write_text("onset\tduration\ttrial_type\trt\n" + "\n".join(lines) + "\n")
    asked = {"Name": "rt", "Conditions": ["trial_type.move"], "Values": "rt", "PolynomialExpansion": 20}
    return setting(("Nodes", 0, "Model", "Software", "SPM", "ParametricModulations"), [asked])(place)


def damaged_database(place: Place) -> list[str]:
    """An index that another program left, younger than the data."""
    folder = place.study.parent / "database"
    given = ["--bids-database-dir", str(folder)]
    main([str(place.study), str(place.study.parent / "elsewhere"), "participant", "--dry-run", "-q", *given])
    for path in folder.rglob("*.sqlite"):
        path.write_bytes(b"no database" * 100)
        os.utime(path, (4e9, 4e9))
    return given


def derivative_description(text: str) -> Change:
    def make(place: Place) -> None:
        (place.study / "derivatives" / "fmriprep" / "dataset_description.json").write_text(text)

    return make


def name_in_latin(place: Place) -> None:
    (place.events.parent / os.fsdecode(b"sub-01_task-\xff_bold.json")).write_text("{}")


OTHERS: Mapping[str, Row] = {
    "modulator of 1e29 to the power of 20": Row(
        huge_modulator, 65, ("events.tsv", "rt is up to", "lower PolynomialExpansion")
    ),
    "database is damaged": Row(damaged_database, 74, ("layout_index.sqlite", "damaged", "remove it")),
    "pipeline described by a list": Row(
        derivative_description('{"Name": "a", "BIDSVersion": "1.9.0", "PipelineDescription": ["x"]}'),
        16,
        ("dataset_description.json", "PipelineDescription", "correct"),
    ),
    "file name is no UTF-8": Row(name_in_latin, 65, (r"\udcff_bold.json", "not UTF-8", "rename")),
}
ROWS = checked({**EVENTS, **CONFOUNDS, **SIDECARS, **IMAGES, **OTHERS})
MEMORY = {
    "more memory than --mem": Row(
        words("--mem", "100M"), 75, ("bold.nii.gz is 9 x 10 x 8 x 70", "--mem 100 MB")
    ),
}
