"""A standing made by hand, for the tests of what is drawn from standings."""

from dataclasses import replace

from lossbench.judging.standings import Standing

PLAIN = Standing(
    loss="huber", framework="torch", version="1", interpreter="", via="a", device="cpu", mode="eager", dtype="float32",
    shape="4x8", contest="huber/case", case="huber/case", forward=1.0, backward=2.0, first_call=0.5, processes=6,
    spread=0.1, elements=32, elements_per_second=16.0, gigabytes_per_second=1.5, roof=0.25, operations=96,
    least_bytes=400, memory=2_000_000, least_memory=132, answer="agrees", impossible=False, note="",
)  # fmt: skip


def standing(via: str, backward: float | None, **others: object) -> Standing:
    return replace(PLAIN, via=via, backward=backward, **others)  # type: ignore[arg-type]
