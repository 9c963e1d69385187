# shellcheck shell=bash
# Compiles the programs of the cluster, at their pins, into the user's cache. Sourced by `cluster`, never run.
#
# The folder's name carries every pin: another go.sum is another folder, and one that is whole is never built again.
# Each program is built aside and renamed into place under a lock, so that an interrupted build leaves nothing that
# looks finished, and two builds at once are one build.

# What has no place in go.mod, because it would move the versions that Kubernetes was released with.
PROGRAMS="
coredns        github.com/coredns/coredns                   v1.15.0
metrics-server sigs.k8s.io/metrics-server/cmd/metrics-server v0.9.0
helm           helm.sh/helm/v3/cmd/helm                     v3.22.0
kubeconform    github.com/yannh/kubeconform/cmd/kubeconform v0.8.0
"

# Tests the charts. Its version is in its file's name, so that another pin compiles it alone. Module, version, checksum;
# it replaces one of its dependencies, which only a main module may, so it is built in its own folder.
HELM_UNITTEST="github.com/helm-unittest/helm-unittest v1.1.2 h1:r1Ah6Pr3h4kqvd65RN+r0FNTIGrJa+P9rcMyzwHEXXQ="

# The custom resources of others that Vitte makes objects of: module, version, its checksum, folder, files.
# Nothing of these is compiled.
CRDS="
sigs.k8s.io/gateway-api v1.4.1 h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8= config/crd/standard gateway.networking.k8s.io_{gatewayclasses,gateways,httproutes}.yaml
github.com/prometheus-operator/prometheus-operator v0.85.0 h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s= example/prometheus-operator-crd monitoring.coreos.com_{podmonitors,prometheusrules,servicemonitors}.yaml
github.com/kedacore/keda/v2 v2.21.0 h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps= config/crd/bases keda.sh_{scaledobjects,triggerauthentications}.yaml
github.com/cloudnative-pg/cloudnative-pg v1.27.1 h1:w+bbtXyEPoaa7sZGXxbb8qJ+/bUGWQ3M48kbNUEpKlk= config/crd/bases postgresql.cnpg.io_clusters.yaml
"

KUBE=$(awk '$1 == "k8s.io/kubernetes" {print $2; exit}' "$HERE/go.mod")
BIN=${CLUSTER_BIN:-$CACHE/kubernetes-$KUBE-$({ cat "$HERE/go.mod" "$HERE/go.sum"; printf '%s' "$PROGRAMS"; } | sha256sum | cut -c1-8)}

helm_unittest() { cut -d ' ' -f 2 <<<"$HELM_UNITTEST" | sed 's/^/helm-unittest-/'; }

programs_of() {
    case $1 in
    charts) echo kubectl helm "$(helm_unittest)" ;;
    control) echo etcd kube-apiserver kube-controller-manager kubectl ;;
    node) echo "$(programs_of control)" kube-scheduler kubelet kube-proxy coredns metrics-server ;;
    all) echo "$(programs_of node)" helm "$(helm_unittest)" kubeconform ;;
    *) fail "tests/cluster/cluster build: '$1' is not one of charts, control, node, all" ;;
    esac
}

# Sets `missing` to those of the tier that are not there yet.
look_for() {
    local program programs
    programs=$(programs_of "$1")
    missing=()
    for program in $programs; do
        [[ -x $BIN/$program ]] || missing+=("$program")
    done
}

# Before anything long begins: is what compiles the programs there, if one of them is missing? Fails and says how it is had.
needs() { # needs [TIER...]: of all tests here, unless said
    local tiers=("$@") tier
    [[ ${#tiers[@]} -gt 0 ]] || tiers=("$(test_tier)" charts)
    for tier in "${tiers[@]}"; do
        look_for "$tier"
        [[ ${#missing[@]} -eq 0 ]] || tools/install-packages go
    done
    [[ -d $(kept_crds) ]] || tools/install-packages go
}

build() { # build [charts|control|node|all]
    local tier=${1:-node} program aside
    look_for "$tier"
    if [[ ${#missing[@]} -gt 0 ]]; then
        tools/install-packages go
        find_go
        mkdir -p "$BIN"
        exec 8>"$CACHE/kubernetes.lock"
        flock -n 8 || say "waiting for another build of Kubernetes (it holds $CACHE/kubernetes.lock)"
        flock -w 3600 8 || fail "another build of Kubernetes has held $CACHE/kubernetes.lock for an hour"
        # Again: the other build may have made them.
        look_for "$tier"
    fi
    if [[ ${#missing[@]} -gt 0 ]]; then
        say "compiling ${missing[*]} into $BIN (all of them: some 10 minutes on two cores, once)"
        find "$BIN" -maxdepth 1 -name '.building-*' -exec rm -rf {} +
        aside=$(mktemp -d "$BIN/.building-XXXXXX")
        for program in "${missing[@]}"; do
            step "$program" compile "$program" "$aside" ||
                fail "$program does not compile: the message is above. It needs Go, and the Go modules or their proxy."
            mv "$aside/$program" "$BIN/$program"
        done
        rmdir "$aside"
    fi
    exec 8>&-
    echo "$BIN"
}

compile() { # compile PROGRAM FOLDER
    local program=$1 into=$2 version=k8s.io/component-base/version minor package at sum
    # No C library: the same file runs on every machine. What the caller set for a project of theirs does not count.
    local -x CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' GOWORK=off
    case $program in
    etcd) (cd "$HERE" && go build -ldflags '-s -w' -o "$into/etcd" go.etcd.io/etcd/server/v3) ;;
    kube-* | kubectl | kubelet)
        minor=${KUBE#v1.}
        (cd "$HERE" && go build -o "$into/" \
            -ldflags "-s -w -X $version.gitVersion=$KUBE -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}" \
            "k8s.io/kubernetes/cmd/$program")
        ;;
    helm-unittest-*)
        read -r package at sum <<<"$HELM_UNITTEST"
        fetch_module "$into" "$package" "$at" "$sum"
        (cd "$module_folder" && go build -ldflags '-s -w' -o "$into/$program" ./cmd/helm-unittest)
        ;;
    *)
        read -r _ package at < <(grep "^$program " <<<"$PROGRAMS")
        (cd "$into" && GOBIN=$into go install -ldflags '-s -w' "$package@$at")
        ;;
    esac
}

kept_crds() { echo "$CACHE/kubernetes-crds-$(sha256sum <<<"$CRDS" | cut -c1-8)"; }

crds() { # crds FOLDER: a copy of each file of CRDS
    local into=$1 kept aside
    kept=$(kept_crds)
    if [[ ! -d $kept ]]; then
        tools/install-packages go
        find_go
        mkdir -p "$CACHE"
        aside=$(mktemp -d "$CACHE/.crds-XXXXXX")
        fetch_crds "$aside"
        chmod 755 "$aside"
        # Another may have made it meanwhile: it is the same.
        mv -T "$aside" "$kept" 2>/dev/null || rm -rf "$aside"
    fi
    mkdir -p "$into"
    cp "$kept"/*.yaml "$into/"
}

# Sets `module_folder` to where the module's files are.
fetch_module() { # fetch_module FOLDER MODULE VERSION CHECKSUM
    local answer
    answer=$(cd "$1" && GOFLAGS='' GOWORK=off go mod download -json "$2@$3") ||
        fail "module $2 $3 cannot be fetched: $answer"
    [[ $answer == *"\"Sum\": \"$4\""* ]] || fail "module $2 $3 is not the one pinned ($4): $answer"
    module_folder=$(sed -nE 's/^\t"Dir": "(.*)",?$/\1/p' <<<"$answer")
}

fetch_crds() {
    local module version sum folder files file
    while read -r module version sum folder files; do
        [[ -n $module ]] || continue
        fetch_module "$1" "$module" "$version" "$sum"
        # The braces are ours, written above.
        for file in $(eval "echo $files"); do
            install -m 644 "$module_folder/$folder/$file" "$1/$file"
        done
    done <<<"$CRDS"
}
