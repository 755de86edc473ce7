"""Count the fields of a protobuf file with `count_fields` before decoding, since decoding makes an object of each.

Contract: reads the headers of the fields of a network and of its layers without decoding values. It stops at damaged
bytes; decoding reports those.
Source: protobuf's wire format (a field is a number and a type, then a value, or a length and bytes).
"""

from __future__ import annotations

from mer.models.caffe.messages import MESSAGES

#: Numbers of the fields of a network that are layers.
LAYERS = {MESSAGES["NetParameter"][name][0] for name in ("layer", "layers")}

#: Size in bytes of the types of fixed size.
FIXED = {1: 8, 5: 4}


def count_fields(data: bytes, most: int) -> int:
    """Return the number of fields of a network and of its layers, at most a few more than `most`."""
    count, place = 0, 0
    ends = [len(data)]  # ends of the open messages, first the network, then a layer
    while count <= most:
        while ends and place >= ends[-1]:
            ends.pop()
        if not ends:
            break
        tag, place = _number(data, place)
        number, kind = tag >> 3, tag & 7
        count += 1
        if kind == 0:
            _, place = _number(data, place)
        elif kind == 2:
            length, place = _number(data, place)
            if length > ends[-1] - place:
                break
            if number in LAYERS and len(ends) == 1:
                ends.append(place + length)
            else:
                place += length
        elif kind in FIXED:
            place += FIXED[kind]
        else:
            break
    return count


def _number(data: bytes, place: int) -> tuple[int, int]:
    """Return a number stored with seven bits per byte, lowest first, and the place after it."""
    value, shift = 0, 0
    while place < len(data) and shift < 70:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            break
    return value, place
