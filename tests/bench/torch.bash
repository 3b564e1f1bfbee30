# torch.bash - PyTorch in its best thread setting, sourced by train.sh and hour.sh.
#
# A setting is the OpenMP threads and the BLAS threads of PyTorch, with a colon between.
# OPENMP_BLAS is a folder with a libblas.so.3 that shares PyTorch's OpenMP threads
# (Debian: libopenblas0-openmp), one more setting if it is there.
python=${PYTHON:-/usr/bin/python3} # PYTHON: one with another PyTorch
openmp_blas=${OPENMP_BLAS:-/usr/lib/$(uname -m)-linux-gnu/openblas-openmp}

has_torch() {
    "$python" -c 'import torch' 2>/dev/null
}

# As installed; without the pool that waits beside it; the other way round; one pool.
settings_of() { # settings_of THREADS
    if [ "$1" -eq 1 ]; then
        echo 1:1
    else
        echo "$1:$1 $1:1 1:$1"
        [ ! -e "$openmp_blas/libblas.so.3" ] || echo "$1:pool"
    fi
}

torch() { # torch SETTING PROGRAM ARGUMENT...: runs tests/torch/PROGRAM
    local omp=${1%:*} blas=${1#*:} program=$2 path=${LD_LIBRARY_PATH:-}
    shift 2
    if [ "$blas" = pool ]; then
        path=$openmp_blas:$path
        blas=$omp
    fi
    OMP_NUM_THREADS=$omp OPENBLAS_NUM_THREADS=$blas LD_LIBRARY_PATH=$path \
        "$python" -B tests/torch/"$program" "$@"
}
