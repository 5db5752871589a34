import type { Values } from '../../deploy/kubernetes/chart.ts';

/** Every value that is not as the chart has it. */
export const EVERYTHING: Values = {
  image: { repository: 'registry.local:5000/ops/sshd-otel', tag: '0.1.0-2', digest: '', pullPolicy: 'Always' },
  imagePullSecrets: [{ name: 'pull-secret' }],
  nameOverride: 'ssh',
  fullnameOverride: 'ssh-traces',
  scope: 'all',
  endpoint: 'https://collector.monitoring:4318',
  headersSecret: { name: 'otlp', key: 'headers' },
  clusterName: 'cluster-9',
  config: { redaction: { mode: 'names-only' }, export: { compression: 'gzip', certificate: '/etc/ca/ca.pem' } },
  agent: {
    resources: { requests: { cpu: '50m' }, limits: { cpu: '1', memory: '1Gi' } },
    maxHeap: 640,
    extraArgs: ['--redaction', 'names-only'],
    extraEnv: [
      { name: 'NODE_USE_ENV_PROXY', value: '1' },
      { name: 'HTTPS_PROXY', value: 'http://proxy:3128' },
      { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ],
    extraVolumeMounts: [{ name: 'ca', mountPath: '/etc/ca', readOnly: true }],
    readinessProbe: { periodSeconds: 60, failureThreshold: 5 },
    livenessProbe: { initialDelaySeconds: 120 },
  },
  producer: {
    resources: { requests: { cpu: '5m' }, limits: { memory: '256Mi' } },
    extraArgs: ['--no-log'],
    extraVolumeMounts: [{ name: 'machine-id', mountPath: '/etc/machine-id', readOnly: true }],
  },
  state: { hostPath: '/var/lib/sshd-otel' },
  extraVolumes: [
    { name: 'ca', configMap: { name: 'corporate-ca' } },
    { name: 'machine-id', hostPath: { path: '/etc/machine-id', type: 'File' } },
  ],
  serviceAccount: { create: false, name: 'own-account' },
  labels: { team: 'ops' },
  annotations: { owner: 'ops@example.com' },
  podLabels: { 'example.com/pod-label': 'yes' },
  podAnnotations: { 'example.com/pod-note': 'true' },
  tolerations: [{ key: 'node-pool', operator: 'Equal', value: 'bastion', effect: 'NoSchedule' }],
  nodeSelector: { 'kubernetes.io/os': 'linux', disk: 'ssd' },
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'node-pool', operator: 'In', values: ['bastion'] }] }],
      },
    },
  },
  priorityClassName: 'system-node-critical',
  updateStrategy: { type: 'OnDelete', rollingUpdate: null },
  terminationGracePeriodSeconds: 45,
};
