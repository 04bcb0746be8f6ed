"""What the adapters of Keras share: its words for the reductions, and what is known of all its classes."""

from __future__ import annotations

from lossbench.records import Known

Word = str | None

# A function of elements has already averaged the last axis when Keras reduces; "sum" would add up those means.
OVER_LAST_AXIS = {"mean_last": None, "mean": "sum_over_batch_size"}
# With a last axis of length 1 there is nothing to average: every word means what it says.
OVER_UNIT_AXIS = {
    "none": None,
    "mean": "sum_over_batch_size",
    "sum": "sum",
    "weighted_mean": "mean_with_sample_weight",
}
OVER_TERMS = {"none": None, "mean": "sum_over_batch_size", "sum": "sum"}

EPSILON = 1e-7  # keras.config.epsilon()

IN_FLOAT32 = Known(
    "computes and answers in float32, whatever the format of its input, unless dtype= is given",
    computes_in="float32",
    notes=("other-dtype",),
    dtypes=("float64", "float16", "bfloat16"),
    contract=True,
)
# The plain classes are asked in these formats only: what they do to the 16-bit ones is the same conversion.
PLAIN = ("float64", "float32")
