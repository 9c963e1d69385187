# shellcheck shell=bash
# The control plane: etcd, kube-apiserver and kube-controller-manager on loopback, with certificates of their own.
# Sourced by `cluster` and tools/with-cluster, after tools/processes.sh and build.sh; never run.
#
# In: RUN, the folder that holds everything of this cluster. Out: $RUN/admin.kubeconfig.
# Made for many small tests at once: nothing is synced to disk, no request is queued or throttled.

SERVICES=10.96.0.0/16 SERVICE_OF_API=10.96.0.1
GATEWAY=10.88.0.1
# Prefixed to every server's command: empty, or what makes it die with the script (tools/with-cluster).
TETHER=()

kubectl() { "$BIN/kubectl" --kubeconfig "$RUN/admin.kubeconfig" "$@"; }

# Elliptic curves: all of it takes 0.2 s.
make_pki() {
    [[ ! -e $RUN/pki/done ]] || return 0
    (umask 077 && mkdir -p "$RUN/pki")
    (
        cd "$RUN/pki"
        key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365)
        openssl req -x509 "${key[@]}" -keyout ca.key -out ca.crt -subj /CN=vitte-test-ca
        openssl ecparam -name prime256v1 -genkey -noout -out sa.key
        sign() { # sign NAME SUBJECT ALTERNATIVE_NAMES
            openssl req -x509 "${key[@]}" -CA ca.crt -CAkey ca.key -keyout "$1.key" -out "$1.crt" -subj "$2" \
                -addext "subjectAltName=$3" -addext basicConstraints=critical,CA:FALSE \
                -addext extendedKeyUsage=serverAuth,clientAuth
        }
        sign apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$SERVICE_OF_API,IP:$GATEWAY"
        sign admin /O=system:masters/CN=admin DNS:admin
        sign controller-manager /CN=system:kube-controller-manager DNS:controller-manager
        sign scheduler /CN=system:kube-scheduler DNS:scheduler
        sign proxy /CN=system:kube-proxy DNS:proxy
        sign kubelet /O=system:nodes/CN=system:node:node1 "DNS:node1,IP:127.0.0.1,IP:$GATEWAY"
        sign front-proxy /CN=front-proxy-client DNS:front-proxy
    ) >"$RUN/pki.log" 2>&1 || fail "openssl could not make the certificates: see $RUN/pki.log"
    : >"$RUN/pki/done"
}

write_kubeconfigs() { # write_kubeconfigs PORT
    local user pki=$RUN/pki
    for user in admin controller-manager scheduler proxy kubelet; do
        (umask 077 && cat >"$RUN/$user.kubeconfig") <<YAML
apiVersion: v1
kind: Config
clusters: [{name: vitte, cluster: {server: "https://127.0.0.1:$1", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}}]
users: [{name: $user, user: {client-certificate-data: $(base64 -w0 "$pki/$user.crt"), client-key-data: $(base64 -w0 "$pki/$user.key")}}]
contexts: [{name: vitte, context: {cluster: vitte, user: $user}}]
current-context: vitte
YAML
    done
}

api() { # api PATH, without the start-up time of kubectl
    curl -sf --max-time 5 --cacert "$RUN/pki/ca.crt" --cert "$RUN/pki/admin.crt" --key "$RUN/pki/admin.key" \
        "https://127.0.0.1:$API_PORT$1"
}

start_etcd() { # start_etcd PORT
    launch etcd "${TETHER[@]}" "$BIN/etcd" --data-dir "$RUN/etcd" --unsafe-no-fsync --log-level warn \
        --listen-client-urls "http://127.0.0.1:$1" --advertise-client-urls "http://127.0.0.1:$1" \
        --listen-peer-urls http://127.0.0.1:0 --quota-backend-bytes 8589934592
    ready etcd 60 curl -sf --max-time 2 "http://127.0.0.1:$1/health"
}

# Priority and fairness off: it queues a crowd of tests that the machine would serve.
start_apiserver() { # start_apiserver PORT ETCD_PORT [ADDRESS_FOR_PODS]
    local pki=$RUN/pki reached=(--bind-address=127.0.0.1 --endpoint-reconciler-type=none)
    if [[ $# -gt 2 ]]; then
        reached=(--bind-address=0.0.0.0 --advertise-address="$3")
    fi
    API_PORT=$1
    launch apiserver "${TETHER[@]}" "$BIN/kube-apiserver" --etcd-servers="http://127.0.0.1:$2" \
        --secure-port="$1" "${reached[@]}" --service-cluster-ip-range=$SERVICES \
        --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
        --service-account-key-file="$pki/sa.key" --service-account-signing-key-file="$pki/sa.key" \
        --service-account-issuer=https://kubernetes.default.svc --authorization-mode=Node,RBAC --allow-privileged=true \
        --kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key" \
        --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
        --requestheader-client-ca-file="$pki/ca.crt" --requestheader-allowed-names=front-proxy-client \
        --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
        --requestheader-extra-headers-prefix=X-Remote-Extra- --enable-aggregator-routing=true \
        --proxy-client-cert-file="$pki/front-proxy.crt" --proxy-client-key-file="$pki/front-proxy.key" \
        --enable-priority-and-fairness=false --max-requests-inflight=3000 --max-mutating-requests-inflight=1500 \
        --profiling=false --shutdown-delay-duration=0s
    ready apiserver 120 api /readyz
}

# Its port is left out: nobody asks it, and several clusters would fight over it.
start_controller_manager() { # start_controller_manager CONTROLLERS
    launch controller-manager "${TETHER[@]}" "$BIN/kube-controller-manager" --leader-elect=false \
        --use-service-account-credentials --kubeconfig "$RUN/controller-manager.kubeconfig" --secure-port=0 \
        --service-account-private-key-file="$RUN/pki/sa.key" --root-ca-file="$RUN/pki/ca.crt" --profiling=false \
        --controllers="$1" --kube-api-qps=2000 --kube-api-burst=4000 --concurrent-namespace-syncs=20 \
        --concurrent-deployment-syncs=20 --concurrent-replicaset-syncs=20 --concurrent-job-syncs=20 \
        --concurrent-statefulset-syncs=20 --concurrent-serviceaccount-token-syncs=20 --pvclaimbinder-sync-period=1s \
        --horizontal-pod-autoscaler-sync-period=5s --horizontal-pod-autoscaler-downscale-stabilization=15s
    ready controller-manager 60 api /api/v1/namespaces/default/serviceaccounts/default
}

# What the objects of a bot need. Without nodes the rest only costs time, and the collector of pods would take away
# those whose node does not exist: a test that plays the kubelet wants to keep them. The two protections take the
# finalizer off a claim or volume that is deleted. CLUSTER_WITHOUT names some that are left out all the same.
controllers_without_nodes() {
    local controller list=
    for controller in ${CLUSTER_WITHOUT:-}; do
        list+=-$controller,
    done
    for controller in deployment replicaset statefulset job cronjob ttl-after-finished disruption \
        horizontal-pod-autoscaler endpoints endpointslice garbage-collector namespace serviceaccount \
        serviceaccount-token root-ca-certificate-publisher clusterrole-aggregation service-cidr \
        persistentvolumeclaim-protection persistentvolume-protection; do
        list+=$controller-controller,
    done
    echo "${list%,}"
}

# etcd last: a server that has lost it would only complain.
control_down() {
    stop "$RUN/controller-manager.mark" TERM
    stop "$RUN/apiserver.mark" TERM
    stop "$RUN/etcd.mark" TERM
}
