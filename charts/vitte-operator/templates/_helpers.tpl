{{- define "vitte-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 53 | trimSuffix "-" }}
{{- end }}

{{/* The release's name alone where it says what this is. A Service's name, which begins with a letter. */}}
{{- define "vitte-operator.fullname" -}}
{{- $name := include "vitte-operator.name" . }}
{{- $full := printf "%s-%s" .Release.Name $name }}
{{- if .Values.fullnameOverride }}
{{- $full = .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- $full = .Release.Name }}
{{- end }}
{{- $full = $full | trunc 53 | trimSuffix "-" }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $full) }}
{{- fail (printf "the operator's objects would be named %q, and a Service takes lower-case letters, digits and \"-\" alone, a letter first: --set fullnameOverride=... names them otherwise than the release" $full) }}
{{- end }}
{{- $full }}
{{- end }}

{{/* Mappings as one, a later one over an earlier: a key that stood twice would be no YAML. */}}
{{- define "vitte-operator.merged" -}}
{{- $merged := dict }}
{{- range . }}
{{- $merged = mergeOverwrite $merged (deepCopy .) }}
{{- end }}
{{- toYaml $merged }}
{{- end }}

{{/* A Deployment's selector can never change: only what is fixed for the life of a release may stand here. */}}
{{- define "vitte-operator.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vitte-operator.labels" -}}
{{- $own := dict
      "app.kubernetes.io/version" .Chart.AppVersion
      "app.kubernetes.io/part-of" "vitte"
      "app.kubernetes.io/managed-by" .Release.Service
      "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") }}
{{- include "vitte-operator.merged" (list (include "vitte-operator.selector" . | fromYaml) $own .Values.commonLabels) }}
{{- end }}

{{- define "vitte-operator.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "vitte-operator.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "vitte-operator.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* What the `restricted` standard asks of a pod and of a container. */}}
{{- define "vitte-operator.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "vitte-operator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
