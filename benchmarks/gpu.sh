#!/usr/bin/env bash
# All that wants a GPU, in pieces of under ten minutes that resume: a smoke test, the CUDA tests, the throughput of
# the presets with and without CUDA graphs, a training, a grid, and rows of the ablations. Leaves small files only
# (checkpoints stay under gpu-work/, which git ignores).
#
#   benchmarks/gpu.sh [smoke|tests|speed|train|grid|quality|all] [--device cuda] [--data FOLDER] [--minutes 8] [--out DIR]
#                     [--rows "dcgan r3gan student"] [--scorer COMMAND] [--tiny]
#
# Call "train" or "quality" again to go on where it was; --tiny is for trying the script itself, on a CPU too.
set -euo pipefail
cd "$(dirname "$0")/.."

part=all device=cuda data="" minutes=8 out=gpu-results tiny="" rows="dcgan r3gan student" scorer=""
[ $# -gt 0 ] && case "$1" in --*) ;; *) part=$1; shift ;; esac
words=("$@")
while [ $# -gt 0 ]; do
    case "$1" in
        --device) device=$2; shift 2 ;;
        --data) data=$2; shift 2 ;;
        --minutes) minutes=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        --rows) rows=$2; shift 2 ;;
        --scorer) scorer=$2; shift 2 ;;
        --tiny) tiny=yes; shift ;;
        *) echo "gpu.sh: unknown option $1" >&2; exit 2 ;;
    esac
done
case "$part" in smoke | tests | speed | train | grid | quality | all) ;; *) echo "gpu.sh: unknown part $part" >&2; exit 2 ;; esac

python=${PYTHON:-python3}
[ -x .venv/bin/python ] && [ -z "${PYTHON:-}" ] && python=$PWD/.venv/bin/python
work=$PWD/${GPU_WORK:-gpu-work}
mkdir -p "$out" "$work"
out=$(cd "$out" && pwd)
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1

if [ "$device" = cuda ] && ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    echo "gpu.sh: no CUDA GPU that PyTorch can use; try it on the CPU with --device cpu --tiny" >&2
    exit 1
fi

vgc() { (cd "$work" && "$python" -m cli "$@"); }

# Without pictures of your own: the built-in characters, brought by a short demo, which is a smoke test by itself.
if [ -z "$data" ]; then
    data=$work/Data/train_data/rgb_images
    if [ ! -d "$data" ]; then
        demo=(--minutes 0.2)
        [ -n "$tiny" ] && demo=(--minutes 0.02 --letters q-s)
        vgc demo --out . --device "$device" "${demo[@]}" -q
    fi
else
    data=$(cd "$data" && pwd)
fi

smoke() {
    vgc info >"$out/info.txt"
    tail -n 16 "$out/info.txt"
    vgc train --data "$data" --device "$device" --kimg "$([ -n "$tiny" ] && echo 0.1 || echo 20)" \
        --run "smoke-$(date +%s)-$$" -q
    echo "smoke test passed on $device"
}

tests() {
    "$python" -m pytest tests/gan/training/test_cuda.py 2>&1 | tee "$out/tests.txt"
}

speed() {
    if [ -n "$tiny" ]; then
        "$python" -m benchmarks.training --device "$device" --batch 4 --presets dcgan --rounds 1 | tee "$out/speed.txt"
        return
    fi
    for graphs in "" --cuda-graphs; do
        "$python" -m benchmarks.training --device "$device" --batch 256 \
            --presets dcgan-2015,dcgan,r3gan --rounds 2 $graphs
    done 2>&1 | tee "$out/speed.txt"
}

train() {
    local run=gpu ends=(--minutes "$minutes")
    [ -n "$tiny" ] && ends=(--kimg 0.1)
    if [ -f "$work/train_output/$run/checkpoint.pt" ]; then
        local before
        before=$("$python" -c 'import pathlib, sys; from gan.runs.checkpoint import load_checkpoint
print(load_checkpoint(pathlib.Path(sys.argv[1]))["seconds"] / 60)' "$work/train_output/$run/checkpoint.pt")
        [ -n "$tiny" ] || ends=(--minutes "$("$python" -c "print($before + $minutes)")")
        [ -n "$tiny" ] && ends=(--kimg 0.2)
        vgc train --resume "$run" --device "$device" "${ends[@]}"
    else
        vgc train --data "$data" --device "$device" --run "$run" "${ends[@]}"
    fi
    cp "$work/train_output/$run/"{config.json,metrics.jsonl,generator.safetensors} "$out/"
}

grid() {
    vgc generate -n 64 --model gpu --device "$device" --out "$work/generated"
    cp "$work/generated/grid.png" "$out/grid.png"
}

# Stops itself after so many minutes, saved; a row that is through is scored and not trained again.
quality() {
    local words=(--data "$data" --device "$device" --work "$work/quality" --minutes "$minutes") ended=0
    [ -n "$scorer" ] && words+=(--scorer "$scorer")
    [ -n "$tiny" ] && words+=(--kimg 0.1)
    # shellcheck disable=SC2086
    "$python" -m benchmarks.quality $rows "${words[@]}" || ended=$?
    [ "$ended" = 0 ] || [ "$ended" = 130 ] || return "$ended"
    cp "$work/quality/rows.jsonl" "$out/" 2>/dev/null || echo "no row is through yet: call quality again"
    for run in "$work"/quality/*/samples; do
        [ -d "$run" ] || continue
        cp "$(ls "$run"/0*.png | tail -n 1)" "$out/$(basename "$(dirname "$run")").png"
    done
}

if [ "$part" != all ]; then
    "$part"
    exit
fi
failed=""
for each in smoke tests speed train grid quality; do
    # In a process of its own, so that the first command that fails ends it, and the others come all the same.
    bash benchmarks/gpu.sh "$each" "${words[@]}" || failed="$failed $each"
done
[ -z "$failed" ] || { echo "gpu.sh: failed:$failed" >&2; exit 1; }
