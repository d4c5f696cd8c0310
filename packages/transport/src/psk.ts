/**
 * TLS with a key that both sides hold: encryption and mutual proof, without certificates.
 *
 * The suite has ephemeral Diffie-Hellman (X25519), so that a secret that leaks later opens no recording, and
 * ChaCha20-Poly1305: of OpenSSL's ECDHE-PSK suites it is the only authenticated one. Suites with a key from
 * outside belong to TLS 1.2; Node.js offers none for 1.3.
 */
import { hkdfSync } from 'node:crypto';
import type { TlsOptions } from 'node:tls';

const PSK_CONTEXT = 'mendlog 2026-11 transport psk v1';
const PSK_IDENTITY = 'mendlog';
const PSK_BYTES = 32;

const SUITE = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
} as const;

/** The key of a cluster's connections. Other uses of the secret derive other keys. */
export function pskOf(secret: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), PSK_CONTEXT, PSK_BYTES));
}

export function pskServerOptions(psk: Uint8Array): TlsOptions {
  const pskCallback = (_socket: unknown, identity: string) => (identity === PSK_IDENTITY ? psk : null);
  return { ...SUITE, pskCallback };
}

export function pskClientOptions(psk: Uint8Array) {
  return {
    ...SUITE,
    pskCallback: () => ({ psk, identity: PSK_IDENTITY }),
    // There is no certificate: the key has proved who it is.
    checkServerIdentity: () => undefined,
  };
}

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').replace(/^::ffff:/, '');
  return bare === 'localhost' || bare === '::1' || /^127\.[0-9.]+$/.test(bare);
}
