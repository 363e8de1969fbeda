"""read.py LOG FOLDER: whether the event files of a folder say what the lines of a log do."""
import json
import pathlib
import struct
import sys

TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)


def masked(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    while data:
        length, = struct.unpack_from("<Q", data)
        head, = struct.unpack_from("<I", data, 8)
        content = data[12:12 + length]
        tail, = struct.unpack_from("<I", data, 12 + length)
        assert head == masked(data[:8]) and tail == masked(content)
        yield content
        data = data[16 + length:]


def fields(data):
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        size = {1: 8, 5: 4}.get(key & 7)
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = size or varint()
        yield key >> 3, data[at:at + size]
        at += size


def scalars(folder):
    found = {}
    for path in sorted(folder.glob("events.out.tfevents.*"), key=lambda p: p.stat().st_mtime_ns):
        versions = 0
        for record in records(path.read_bytes()):
            event = list(fields(record))
            step = dict(event).get(2, 0)
            assert dict(event)[1]
            versions += (3, b"brain.Event:2") in event
            if 7 in dict(event):  # begins again: later steps count no more
                found = {key: value for key, value in found.items() if key[0] < step}
            for field, summary in event:
                for number, value in fields(summary) if field == 5 else []:
                    assert number == 1
                    value = dict(fields(value))
                    found[step, value[1].decode()] = struct.unpack("<f", value[2])[0]
        assert versions == 1
    return found


def single(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


log, root = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
wanted = {}
for line in map(json.loads, log.read_text().splitlines()):
    if "epoch" not in line:
        continue
    of_epoch = "rows_per_s" in line
    folder = root / f"member-{line['member']}" if "member" in line else root
    folder = folder if of_epoch else folder / "steps"
    for name, value in line.items():
        if name not in ("step", "epoch", "member", "options", "elapsed_s", "data_wait"):
            tag = name if of_epoch else f"step/{name}"
            wanted.setdefault(folder, {})[line["epoch" if of_epoch else "step"], tag] = single(value)
for folder, values in sorted(wanted.items()):
    assert scalars(folder) == values, (folder, scalars(folder), values)
    print(folder, sorted({tag for _, tag in values}), len(values))
