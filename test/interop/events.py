"""Reads the chain of the vectors with cbor2, as somebody would who has none of this code: every event decoded,
re-hashed and re-linked, every payload found under its hash, and the whole CAR file taken apart again."""

import base64
import hashlib
import json
import sys

import cbor2

KEYS = {"v", "seq", "time", "turn", "type", "about", "actor", "parent", "payload"}


def cid_bytes(codec: int, block: bytes) -> bytes:
    return bytes([1, codec, 0x12, 32]) + hashlib.sha256(block).digest()


def cid_text(cid: bytes) -> str:
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def link(value):
    """The CID in a tag 42, which DAG-CBOR writes behind a zero byte."""
    assert isinstance(value, cbor2.CBORTag) and value.tag == 42 and value.value[:1] == b"\0"
    return bytes(value.value[1:])


def check_chain(chain: dict) -> list:
    parent, time, blocks = None, 0, []
    for seq, entry in enumerate(chain["events"]):
        block, payload = bytes.fromhex(entry["block"]), bytes.fromhex(entry["payload"])
        event = cbor2.loads(block)
        assert set(event) == KEYS and event["v"] == 1 and event["seq"] == seq
        assert event["actor"] == chain["actor"] and event["type"] == entry["type"]
        assert event["time"] >= time
        assert (None if event["parent"] is None else link(event["parent"])) == parent
        assert link(event["payload"]) == cid_bytes(0x71, payload)
        assert len(cbor2.loads(payload)["salt"]) == 16
        parent, time = cid_bytes(0x71, block), event["time"]
        assert cid_text(parent) == entry["cid"]
        blocks += [block, payload]
    assert cid_text(parent) == chain["head"]["cid"]
    genesis = hashlib.sha256(bytes.fromhex(chain["events"][0]["payload"])).digest()
    assert base64.b32encode(genesis[:20]).decode().lower() == chain["actor"]
    return blocks


def check_car(car: bytes, head: str, blocks: list) -> None:
    at = 0

    def section() -> bytes:
        nonlocal at
        length = shift = 0
        while True:
            byte, at = car[at], at + 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                at += length
                return car[at - length : at]

    header = cbor2.loads(section())
    assert header["version"] == 1 and [cid_text(link(root)) for root in header["roots"]] == [head]
    for block in blocks:
        assert section() == cid_bytes(0x71, block) + block
    assert at == len(car)


with open(sys.argv[1]) as proofs, open(sys.argv[2]) as chains:
    chain = json.load(chains)["chain"]
    found = check_chain(chain)
    check_car(base64.b64decode(json.load(proofs)["car"]), chain["head"]["cid"], found)
    print(json.dumps({"events": len(chain["events"]), "blocks": len(found)}))
