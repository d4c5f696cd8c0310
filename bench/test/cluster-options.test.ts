import { describe, expect, test } from 'vitest';
import { parseOptions } from '../src/cluster/options.js';

describe('cluster bench options', () => {
  test('cluster bench options: none are the defaults', () => {
    expect(parseOptions([])).toEqual({
      seconds: 60,
      warmUpSeconds: 10,
      outstanding: [1, 64, 1024],
      partitions: 256,
      clients: 1,
      rate: undefined,
      turn: undefined,
      mode: 'append',
      folder: undefined,
      json: undefined,
      isProfiled: false,
    });
  });

  test('cluster bench options: all of them', () => {
    const args = ['--seconds', '2.5', '--warm-up', '0', '--outstanding', '2,8', '--partitions', '16'];
    const more = ['--mode', 'append', '--folder', 'data', '--json', 'out.json', '--profile'];
    const load = ['--clients', '4', '--rate', '2.5x'];
    expect(parseOptions([...args, ...more, ...load])).toEqual({
      seconds: 2.5,
      warmUpSeconds: 0,
      outstanding: [2, 8],
      partitions: 16,
      clients: 4,
      rate: { timesPeak: 2.5 },
      turn: undefined,
      mode: 'append',
      folder: 'data',
      json: 'out.json',
      isProfiled: true,
    });
  });

  test('cluster bench options: a rate of calls a second', () => {
    expect(parseOptions(['--rate', '20000']).rate).toEqual({ callsPerSecond: 20_000 });
  });

  test('cluster bench options: a turn', () => {
    expect(parseOptions(['--turn', '2/3']).turn).toEqual({ number: 1, of: 3 });
  });

  test.each([
    [['--seconds', '0'], /^--seconds is "0": expected a number from 0\.1 to 86400$/],
    [['--seconds', ''], /^--seconds is "": expected/],
    [['--warm-up', 'long'], /^--warm-up is "long": expected a number from 0 to 86400$/],
    [['--outstanding', '1,,2'], /^--outstanding has "": expected integers from 1 to 100000$/],
    [['--outstanding', '100001'], /^--outstanding has "100001": expected/],
    [['--outstanding', '8,1,8'], /^--outstanding has 8 twice/],
    [['--outstanding', Array.from({ length: 21 }, (_, i) => i + 1).join()], /has over 20 numbers/],
    [['--partitions', '1.5'], /^--partitions has "1\.5": expected integers from 1 to 100000$/],
    [['--mode', 'appendix'], /^--mode is "appendix": expected one of append/],
    [['--clients', '0'], /^--clients has "0": expected integers from 1 to 1000$/],
    [['--rate', 'x'], /^--rate is "": expected a number from 0\.1 to 100$/],
    [['--rate', '0'], /^--rate is "0": expected a number from 1 to 10000000$/],
    [['--mode', 'repair', '--rate', '2x'], /^--mode repair .* takes no --rate/],
    [['--turn', '3/2'], /^--turn is "3\/2": expected one of so many/],
    [['--turn', '0/2'], /^--turn is "0\/2"/],
    [['--turn', '1/2', '--rate', '2x'], /^--turn takes no --mode repair and no --rate$/],
    [['--second', '1'], /'--second'/],
    [['60'], /'60'/],
  ])('cluster bench options: a wrong one is one sentence (%j)', (args, sentence) => {
    const parse = () => parseOptions(args);
    expect(parse).toThrow(sentence);
    expect(parse).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }));
    expect(parse).not.toThrow(/\n/);
  });
});
