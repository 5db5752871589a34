import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceOf } from '../../agent/span/resource.ts';
import { HOST } from '../helpers/session-events.ts';

test('a resource is the host, the same bytes after a reboot and with another producer', () => {
  const resource = resourceOf(HOST, '0.1.0');
  assert.deepEqual(resource.attributes, {
    'service.name': 'sshd',
    'service.instance.id': '2f6511de-4190-5cb2-ae7b-8984d69f81f0',
    'host.id': '00112233445566778899aabbccddeeff',
    'host.name': 'build-1',
    'os.type': 'linux',
    'telemetry.distro.name': 'sshd-otel',
    'telemetry.distro.version': '0.1.0',
  });
  const later = resourceOf({ ...HOST, bootId: 'another', producer: 'libbpf', producerVersion: '9' }, '0.1.0');
  assert.equal(JSON.stringify(later), JSON.stringify(resource));
});

test('what is not known of a host is left out', () => {
  const { attributes } = resourceOf({ bootId: 'b', producer: 'p', producerVersion: '1' }, '0.1.0');
  assert.deepEqual(Object.keys(attributes), [
    'service.name',
    'os.type',
    'telemetry.distro.name',
    'telemetry.distro.version',
  ]);
});
