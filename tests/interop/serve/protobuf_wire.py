"""Protobuf's bytes, of messages that no generated code is at hand for."""


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    """One with a length: a text, bytes, a message, numbers in a row."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(message):
    """(number, value) of those that are numbers or have a length."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        yield key >> 3, value
