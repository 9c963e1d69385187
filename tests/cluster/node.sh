# shellcheck shell=bash
# The node: containerd, kubelet, kube-proxy, scheduler, DNS, metrics and volumes, so that pods really run.
# Sourced by `cluster` after control.sh, never run. Needs root, and there is one on a machine: its bridge, its iptables
# chains and its cgroups have fixed names. Whatever it changes outside $RUN is undone by node_down.

BRIDGE=vitte0 PODS=10.88.0.0/16 DNS=10.96.0.10
NODE_PORTS=(10250 10249 10248 4443)
# Names the folder of the machine's node, and the script that is starting it.
CLAIM=/run/vitte-node
# Kubelet and kube-proxy set these for the whole machine.
SYSCTLS=(net.ipv4.ip_forward net.ipv4.conf.all.route_localnet vm.overcommit_memory vm.panic_on_oom kernel.panic
    kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

ctr_here() { ctr -a "$RUN/containerd.sock" -n k8s.io "$@"; }

# --- one on a machine --------------------------------------------------------------------------------------------

need_root() { [[ $(id -u) -eq 0 ]] || fail "a node needs root: it makes a bridge, containers and mounts (up control does not)"; }

claim_machine() {
    local other pid began
    if ! (set -C && echo "$RUN $(identity $$)" >"$CLAIM") 2>/dev/null; then
        read -r other pid began <"$CLAIM"
        if [[ $(identity "$pid") == "$pid $began" ]] || alive "$other/containerd.mark"; then
            fail "this machine's node is up already, in $other, and there can be one: CLUSTER_DIR=$other tests/cluster/cluster down"
        fi
        say "removing what a killed node left: $other"
        CLUSTER_DIR=$other "$HERE/cluster" down
        echo "$RUN $(identity $$)" >"$CLAIM"
    fi
    refuse_strangers
}

# Rules or cgroups with the names that we would remove, or a taken port: another Kubernetes has this machine.
refuse_strangers() {
    local found port
    found=$(pod_cgroups | head -n 1)
    [[ -z $found ]] && found=$(iptables-save 2>/dev/null | grep -m 1 -E '^:KUBE-' || true)
    for port in "${NODE_PORTS[@]}"; do
        if [[ -z $found ]] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            found="port $port"
        fi
    done
    if [[ -n $found ]]; then
        rm -f "$CLAIM"
        fail "another Kubernetes runs on this machine ($found is its): a second node would damage it"
    fi
}

pod_cgroups() { find /sys/fs/cgroup -maxdepth 2 -type d -name kubepods 2>/dev/null; }

# --- up ----------------------------------------------------------------------------------------------------------

make_network() {
    sysctl -e "${SYSCTLS[@]}" >"$RUN/sysctls" 2>/dev/null || true
    ip link add $BRIDGE type bridge 2>/dev/null || true
    ip addr replace "$GATEWAY/16" dev $BRIDGE
    ip link set $BRIDGE up
    sysctl -qw net.ipv4.ip_forward=1
    mkdir -p "$RUN/cni"
    cat >"$RUN/cni/10-bridge.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "vitte", "plugins": [
  {"type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$RUN/ipam", "ranges": [[{"subnet": "$PODS", "rangeStart": "10.88.0.10"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
}

# The out-of-memory score is left alone: changing it takes a capability that a container may not have.
start_containerd() {
    cat >"$RUN/containerd.toml" <<TOML
version = 2
root = "$RUN/containerd/root"
state = "$RUN/containerd/state"
[grpc]
  address = "$RUN/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:3"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$RUN/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "$RUN/runc"
TOML
    launch containerd containerd -c "$RUN/containerd.toml"
    ready containerd 60 ctr_here version || give_up containerd
    # The sandbox of every pod: built here, since no registry is reached.
    load "$("$HERE/images" pause)"
}

start_kubelet() {
    # Pods ask the cluster's DNS alone, which forwards nowhere.
    echo 'nameserver 127.0.0.1' >"$RUN/resolv.conf"
    cat >"$RUN/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$RUN/containerd.sock
cgroupDriver: cgroupfs
failSwapOn: false
failCgroupV1: false
podLogsDir: $RUN/pod-logs
clusterDNS: [$DNS]
clusterDomain: cluster.local
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $RUN/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $RUN/pki/kubelet.crt
tlsPrivateKeyFile: $RUN/pki/kubelet.key
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
serializeImagePulls: false
resolvConf: $RUN/resolv.conf
YAML
    launch kubelet "$BIN/kubelet" --config "$RUN/kubelet.yaml" --kubeconfig "$RUN/kubelet.kubeconfig" \
        --hostname-override node1 --node-ip "$GATEWAY" --root-dir "$RUN/kubelet"
}

start_dns() {
    cat >"$RUN/Corefile" <<COREFILE
.:53 {
    bind $GATEWAY
    errors
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $RUN/admin.kubeconfig
    }
    cache 5
}
COREFILE
    launch coredns "$BIN/coredns" -conf "$RUN/Corefile"
}

start_node() {
    start_containerd
    launch scheduler "$BIN/kube-scheduler" --leader-elect=false --secure-port=0 --kubeconfig "$RUN/scheduler.kubeconfig" \
        --kube-api-qps=500 --kube-api-burst=1000
    start_kubelet
    launch proxy "$BIN/kube-proxy" --kubeconfig "$RUN/proxy.kubeconfig" --hostname-override node1 --proxy-mode iptables \
        --cluster-cidr $PODS --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 \
        --conntrack-tcp-timeout-close-wait 0 --iptables-min-sync-period 100ms
    start_dns
    launch metrics-server "$BIN/metrics-server" --kubeconfig "$RUN/admin.kubeconfig" \
        --authentication-kubeconfig "$RUN/admin.kubeconfig" --authorization-kubeconfig "$RUN/admin.kubeconfig" \
        --secure-port 4443 --cert-dir "$RUN/metrics-server" --kubelet-certificate-authority "$RUN/pki/ca.crt" \
        --kubelet-preferred-address-types InternalIP --metric-resolution 10s --kubelet-request-timeout 5s
    kubectl apply -f "$HERE/node.yaml" >/dev/null
    launch volumes env CLUSTER_DIR="$RUN" "$HERE/cluster" volumes
    ready kubelet 60 node_is_ready || give_up kubelet
    local name
    for name in scheduler proxy coredns metrics-server volumes; do
        alive "$RUN/$name.mark" || give_up "$name"
    done
}

node_is_ready() { api /api/v1/nodes/node1 | tr -d ' \n' | grep -q '"type":"Ready","status":"True"'; }

load() { # load FILE...
    local file
    for file in "$@"; do
        ctr_here image import "$file" >/dev/null || fail "$file is no image archive that containerd takes"
    done
}

# --- volumes -----------------------------------------------------------------------------------------------------

# The default StorageClass: a folder for every claim of it, as a `local` volume, so that fsGroup works. What is
# released goes with its claim. Both watches end from time to time: then they begin anew, with what is there.
volumes() {
    # It leads a session of its own: all of that ends with it.
    trap 'trap - TERM; kill -TERM 0' TERM
    provide &
    reclaim &
    wait
}

watch() { # watch KIND JSONPATH
    while :; do
        kubectl get "$1" --all-namespaces --watch -o jsonpath="$2"'{"\n"}' 2>/dev/null || true
        sleep 1
    done
}

provide() {
    local phase class namespace name uid size path
    watch pvc '{.status.phase} {.spec.storageClassName} {.metadata.namespace} {.metadata.name} {.metadata.uid} {.spec.resources.requests.storage}' |
        while read -r phase class namespace name uid size; do
            [[ "$phase $class" == 'Pending local' ]] || continue
            path=$RUN/volumes/$uid
            mkdir -p "$path"
            # The watch tells of a claim once.
            local tries=10
            until kubectl apply -f - <<YAML; do
apiVersion: v1
kind: PersistentVolume
metadata: {name: pvc-$uid}
spec:
  storageClassName: local
  capacity: {storage: "$size"}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Delete
  claimRef: {namespace: $namespace, name: $name, uid: $uid}
  local: {path: $path}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node1]}]}]}}
YAML
                ((--tries)) || {
                    say "no volume for $namespace/$name: the messages are above"
                    break
                }
                sleep 1
            done
        done
}

reclaim() {
    local phase class name
    watch pv '{.status.phase} {.spec.storageClassName} {.metadata.name}' | while read -r phase class name; do
        case "$phase $class" in
        'Released local' | 'Failed local')
            kubectl delete pv "$name" --wait=false --ignore-not-found >/dev/null || true
            rm -rf "${RUN:?}/volumes/${name#pvc-}"
            ;;
        esac
    done
}

# --- down --------------------------------------------------------------------------------------------------------

# Works in every state, also when containerd is gone: pods are found by their cgroup, shims by their address.
node_down() {
    local name
    for name in volumes metrics-server coredns proxy kubelet scheduler; do
        stop "$RUN/$name.mark" TERM
    done
    end_pods
    stop "$RUN/containerd.mark" TERM
    "$BIN/kube-proxy" --cleanup >/dev/null 2>&1 || true
    remove_chains iptables
    remove_chains ip6tables
    ip link del $BRIDGE 2>/dev/null || true
    remove_cgroups
    remove_folders
    sysctl -qe -p "$RUN/sysctls" 2>/dev/null || true
}

end_pods() {
    local task group pids shim
    for task in $(timeout 10 ctr -a "$RUN/containerd.sock" --connect-timeout 2s -n k8s.io task ls -q 2>/dev/null); do
        echo "$task"
    done | xargs -r -P 4 -n 1 timeout 10 ctr -a "$RUN/containerd.sock" -n k8s.io task rm -f >/dev/null 2>&1 || true
    for group in $(pod_cgroups); do
        pids=$(find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u)
        # shellcheck disable=SC2086
        [[ -z $pids ]] || kill -KILL $pids 2>/dev/null || true
    done
    for shim in /proc/[0-9]*; do
        if tr '\0' ' ' <"$shim/cmdline" | grep -q -- "-address $RUN/containerd.sock "; then
            kill -KILL "${shim#/proc/}" || true
        fi
    done 2>/dev/null
}

# What these programs put elsewhere than they are told: links to logs, plug-in sockets, results of the network's plug-in.
remove_folders() {
    find /var/log/containers -maxdepth 1 -type l -lname "$RUN/*" -delete || true
    grep -rlF "$RUN/" /var/lib/cni/results | xargs -r rm -f || true
    rm -f /var/lib/kubelet/device-plugins/{DEPRECATION,kubelet.sock,kubelet_internal_checkpoint}
    # Only what is empty: a containerd of the system's has sockets there.
    find /var/log/containers /var/log/pods /var/lib/cni /var/lib/kubelet /run/containerd -depth -type d -empty -delete || true
} 2>/dev/null

remove_chains() { # remove_chains iptables|ip6tables
    local rules
    rules=$("$1-save" -c 2>/dev/null) || return 0
    grep -qE 'KUBE-|CNI-' <<<"$rules" || return 0
    grep -v -E 'KUBE-|CNI-' <<<"$rules" | "$1-restore" -c || say "$1: chains named KUBE-* or CNI-* could not be removed"
}

remove_cgroups() {
    local group
    for _ in {1..20}; do
        for group in $(pod_cgroups); do
            find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
        done
        [[ -n $(pod_cgroups) ]] || return 0
        sleep 0.1
    done
    say "cgroups of pods are still in use: $(pod_cgroups | tr '\n' ' ')"
}
