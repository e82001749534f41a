// The small program between a wrapper and the contained one: it starts it, tells on a socket (descriptor 3) how it ended
// with nothing lost, outlives it until its whole tree is gone, and ends the tree when orch is gone. Never writes to
// standard output or error, so that these are the program's own.
import os from 'node:os';
import type { Socket } from 'node:net';
import type { Exit } from '../../run/events.ts';

/** What a supervisor has told so far. `starting` = the program itself does not run yet. */
export type SupervisorStage = 'starting' | 'running' | 'ended';

/** How a supervised program ended; `lost` = the supervisor ended without a word. */
export type Report =
  | { readonly kind: 'exit'; readonly exit: Exit }
  | { readonly kind: 'not-started'; /** e.g. `ENOENT` */ readonly code: string }
  | { readonly kind: 'lost'; /** the program had been started */ readonly started: boolean };

export interface SupervisorOptions {
  readonly perl: string | null;
  readonly sh: string;
  /** `init` = it is process 1 of a namespace; `subreaper` = orphans of the tree become its children. */
  readonly as: 'init' | 'subreaper';
  /** From TERM to KILL when orch is gone (`subreaper` only; an `init` takes its namespace with it at once). */
  readonly graceMs: number;
}

// prctl(2) has no name in Perl without modules, which cost more than the rest of the start.
const PRCTL: Partial<Record<NodeJS.Architecture, number>> = {
  x64: 157, arm64: 167, riscv64: 167, loong64: 167, ia32: 172, arm: 172, s390x: 172, s390: 172, ppc64: 171, ppc: 171, mips: 4192, mipsel: 4192,
};
const KEPT = 'ORCH_KEPT_';

// When memory runs out, the kernel is to end an agent rather than orch, which can say so and go on: hence oom_score_adj.
const PERL = String.raw`
my ($as, $prctl, $grace, @command) = @ARGV;
open(my $orch, '+<&=', 3) or exit 125;
if ($as eq 'subreaper' and syscall($prctl + 0, 36, 1, 0, 0, 0) != 0) { syswrite $orch, 'failed ' . ($! + 0) . "\n"; exit 125 }
my @ignored = qw(TERM INT HUP QUIT USR1 USR2 ALRM PIPE TSTP TTIN TTOU);
$SIG{$_} = 'IGNORE' for @ignored;
pipe(my $failed, my $fail) or exit 125;
my $main = fork;
if (!defined $main) { syswrite $orch, 'failed ' . ($! + 0) . "\n"; exit 125 }
if ($main == 0) {
  close $orch;
  close $failed;
  setpgrp(0, 0);
  my ($oom, $file) = '/proc/self/oom_score_adj';
  if (open($file, '<', $oom) and <$file> < 500 and open($file, '>', $oom)) { print $file 500; close $file }
  $SIG{$_} = 'DEFAULT' for @ignored;
  delete $ENV{PERL_BADLANG};
  for (grep { /^ORCH_KEPT_/ } keys %ENV) { $ENV{substr $_, 10} = delete $ENV{$_} }
  no warnings;
  exec { $command[0] } @command;
  syswrite $fail, $! + 0;
  exit 127;
}
close $fail;
open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
my $error = '';
sysread $failed, $error, 16;
if ($error ne '') { waitpid $main, 0; syswrite $orch, "failed $error\n"; exit 127 }
syswrite $orch, "started\n";
$SIG{CHLD} = sub {};
sub family {
  my (%children, @found);
  opendir(my $proc, '/proc') or return;
  for my $pid (grep { /^\d+$/ } readdir $proc) {
    open(my $file, '<', "/proc/$pid/stat") or next;
    local $/;
    my $stat = <$file>;
    push @{$children{$1}}, $pid if defined $stat and $stat =~ /.*\) [^ZX] (\d+)/s;
  }
  my @todo = ($$);
  while (defined(my $pid = shift @todo)) { my @next = @{$children{$pid} || []}; push @found, @next; push @todo, @next }
  return @found;
}
sub brood {
  open(my $file, '<', "/proc/$$/task/$$/children") or return family();
  local $/;
  my $pids = <$file>;
  return split ' ', defined $pids ? $pids : '';
}
my ($watched, $alone, $waited) = ('', 0, 0);
vec($watched, 3, 1) = 1;
while (1) {
  my $pid;
  while (($pid = waitpid(-1, 1)) > 0) { syswrite $orch, "exit $?\n" if $pid == $main }
  exit 0 if $pid == -1;
  if (!$alone) {
    my $ready = select(my $set = $watched, undef, undef, 0.5);
    next if $ready <= 0;
    my $isOrder = sysread($orch, my $order, 64);
    exit 0 if $as eq 'init';
    $alone = 1;
    if ($isOrder) { $waited = $grace; next }
    kill 'TERM', family();
    kill 'CONT', family();
  } elsif ($waited < $grace) {
    select(undef, undef, undef, 0.02);
    $waited += 20;
  } else {
    kill 'KILL', brood();
    select(undef, undef, undef, 0.0005);
  }
}
`;

// Where there is no Perl: the shell cannot tell death by signal n from exit 128+n, and ends when it is let go.
const SHELL = String.raw`
printf 'started\n' >&3
"$@" 3>&-
printf 'status %d\n' $? >&3
exec 0</dev/null 1>/dev/null 2>/dev/null
read -r end <&3
`;

/** The command line that supervises `command`; null when this system has nothing that can. */
export function superviseCommand(command: readonly string[], options: SupervisorOptions): readonly string[] | null {
  const { perl, sh, as } = options;
  if (perl === null) return as === 'init' ? [sh, '-c', SHELL, 'orch', ...command] : null;
  const prctl = PRCTL[process.arch];
  if (as === 'subreaper' && prctl === undefined) return null;
  return [perl, '-e', PERL, as, String(prctl ?? 0), String(options.graceMs), ...command];
}

/** The environment for a supervised program: what would steer Perl itself is put aside and put back by the supervisor. */
export function superviseEnvironment(env: Readonly<Record<string, string>>, perl: string | null): Readonly<Record<string, string>> {
  if (perl === null) return env;
  const kept = Object.fromEntries(Object.entries(env).map(([name, value]) => [name.startsWith('PERL') ? `${KEPT}${name}` : name, value]));
  return { ...kept, PERL_BADLANG: '0' };
}

/** The orch side of the socket. */
export class Supervision {
  readonly #socket: Socket;
  readonly report: Promise<Report>;
  /** Resolves when the stage is no longer `starting`. */
  readonly begun: Promise<void>;
  #stage: SupervisorStage = 'starting';
  #begin: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.begun = new Promise((resolve) => { this.#begin = resolve; });
    this.report = new Promise((resolve) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        if (this.#stage === 'starting' && text.includes('started\n')) this.#stage = 'running';
        const report = parseReport(text);
        if (report !== null) this.#stage = 'ended';
        if (this.#stage !== 'starting') this.#begin();
        if (report === null) return;
        resolve(report);
      });
      socket.on('error', () => undefined);
      socket.once('close', () => {
        resolve({ kind: 'lost', started: this.#stage !== 'starting' });
        this.#stage = 'ended';
        this.#begin();
      });
    });
  }

  get stage(): SupervisorStage {
    return this.#stage;
  }

  /** Has the supervisor kill everything under it, which it does faster than anybody else could look. */
  kill(): void {
    if (!this.#socket.destroyed) this.#socket.write('kill');
  }

  /** Lets go: a supervisor that still lives ends what it supervises. */
  close(): void {
    this.#socket.destroy();
  }
}

function parseReport(text: string): Report | null {
  const [, word, number] = /^(exit|status|failed) (\d+)\n/m.exec(text) ?? [];
  if (word === undefined) return null;
  const value = Number(number);
  if (word === 'failed') return { kind: 'not-started', code: nameOf(os.constants.errno, value) ?? `errno ${value}` };
  if (word === 'status') return { kind: 'exit', exit: exitOfStatus(value) };
  const signal = value & 127;
  return { kind: 'exit', exit: signal === 0 ? { kind: 'code', code: value >> 8 } : { kind: 'signal', signal: signalName(signal) } };
}

/** Reads an exit code as a shell gives it, where 128+n may mean death by signal n. */
export function exitOfStatus(code: number): Exit {
  const name = code > 128 ? nameOf(os.constants.signals, code - 128) : null;
  return name === null ? { kind: 'code', code } : { kind: 'signal', signal: name };
}

function signalName(number: number): string {
  return nameOf(os.constants.signals, number) ?? `SIG${number}`;
}

function nameOf(names: object, number: number): string | null {
  return Object.entries(names).find(([, value]) => value === number)?.[0] ?? null;
}
