"""Products with bias and relu, or with the gradient of biases, at once by cublasLt against one after the other."""

from sections.products import products_of

TITLE = "Products and what follows them"

EPILOGUES = {"forward": "bias and relu", "gradient of kernel": "gradient of bias"}


def would(plan, course):
    return ["time the products of all layers with what follows them, fused by cublasLt and not"]


def fill(session, section):
    section.heads = ["layer", "product", "with", "precision", "apart", "fused", "how many times as fast"]
    for layer in session.plan.layers:
        for name, m, n, k, a_transposed, b_transposed in products_of(layer):
            if name not in EPILOGUES:
                continue
            for precision in ("float32", "tf32"):
                question = {"work": "product", "precision": precision, "m": m, "n": n, "k": k}
                question |= {"a_transposed": a_transposed, "b_transposed": b_transposed, "members": layer.members}
                question |= {"epilogue": EPILOGUES[name]}
                bench = session.device_bench()
                asks = {fused: (bench, {**question, "fused": fused}) for fused in (False, True)}
                got = session.in_turns(section, asks)
                cells = [got[fused].time() for fused in (False, True)]
                section.row(
                    layer.name, name, EPILOGUES[name], precision, *cells, got[True].faster_than(got[False])
                )
