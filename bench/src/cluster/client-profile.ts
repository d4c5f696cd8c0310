/** The CPU profile of this very process, as `node --cpu-prof` writes that of a whole one. */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

export class ClientProfile {
  readonly #session = new Session();

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.start');
  }

  async writeTo(file: string): Promise<void> {
    const { profile } = await this.#session.post('Profiler.stop');
    this.#session.disconnect();
    writeFileSync(file, JSON.stringify(profile));
  }
}
