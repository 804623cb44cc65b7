// What the kernel says of processes and sockets: readers of /proc (Linux; proc(5)). No judgement
// here.
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs'

/**
 * Clock ticks per second that user space sees; fixed at 100 on Linux (proc(5),
 * sysconf(_SC_CLK_TCK)).
 */
export const TICKS_PER_SECOND = 100

/** One line of /proc/PID/stat, as far as it is needed. */
export interface ProcessStat {
  readonly pid: number
  /** R, S, D, T (stopped), Z (zombie), … */
  readonly state: string
  readonly ppid: number
  readonly processGroup: number
  readonly session: number
  /** User and system time, in clock ticks. */
  readonly cpuTicks: number
  /** Start after boot, in clock ticks: with the pid it names a process within one boot. */
  readonly startTicks: number
  readonly rssBytes: number
}

/** The state of a listening socket (TCP_LISTEN). */
const LISTEN = '0A'

const PAGE_BYTES = 4096

/** The content of a /proc file, or undefined when the process is gone or not ours to see. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Processes come and go between listing and reading: absence is an answer, not an error.
    return undefined
  }
}

/** The boot this kernel lives in. */
export function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id')?.trim() ?? 'unknown'
}

/** Lowest port that the kernel hands out by itself. */
export function ephemeralLow(): number {
  const low = Number(read('/proc/sys/net/ipv4/ip_local_port_range')?.trim().split(/\s+/)[0])
  return Number.isInteger(low) && low > 1024 ? low : 32768
}

/** /proc/PID/stat, or undefined when there is no such process. */
export function statOf(pid: number): ProcessStat | undefined {
  const text = read(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  // The name in brackets may hold spaces and brackets itself; the fields begin after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const at = (n: number) => Number(fields[n - 3])
  return {
    pid,
    state: fields[0] ?? '?',
    ppid: at(4),
    processGroup: at(5),
    session: at(6),
    cpuTicks: at(14) + at(15),
    startTicks: at(22),
    rssBytes: at(24) * PAGE_BYTES,
  }
}

/** Every process, as one pass over /proc. */
export function allProcesses(): readonly ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)) ?? [])
}

/**
 * A variable of the environment a process was started with; undefined when unset or not readable.
 */
export function environmentOf(pid: number, name: string): string | undefined {
  const entry = read(`/proc/${pid}/environ`)
    ?.split('\0')
    .find((e) => e.startsWith(`${name}=`))
  return entry?.slice(name.length + 1)
}

/**
 * Device and inode of what a process has as its standard output and standard error; empty when they
 * are closed, or not ours to see.
 */
export function outputsOf(pid: number): readonly string[] {
  return [1, 2].flatMap((fd) => {
    try {
      // The link is followed by the kernel: it leads to the open file, also to a removed one.
      return fileId(statSync(`/proc/${pid}/fd/${fd}`, { bigint: true }))
    } catch {
      // Gone, closed, or another user's.
      return []
    }
  })
}

/** A file whatever it is called: its device and inode. */
export function fileId({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}:${ino}`
}

/** Whether a process has no memory any more: it is ending, is a zombie, or is gone. */
export function isEnding(pid: number): boolean {
  // statm counts the pages of the address space, which an ending process gives back first.
  const pages = read(`/proc/${pid}/statm`)?.split(' ')[0]
  return pages === undefined || pages === '0'
}

/** The effective user of a process. */
export function userOf(pid: number): number | undefined {
  const line = /^Uid:\s+\d+\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? '')
  return line === null ? undefined : Number(line[1])
}

/** Inodes of the TCP sockets that listen on a port, IPv4 and IPv6. */
export function listenersOn(port: number): readonly string[] {
  return listeners().flatMap((listener) => (listener.port === port ? [listener.inode] : []))
}

/** All TCP sockets that listen, IPv4 and IPv6. */
export function listeners(): readonly { readonly port: number; readonly inode: string }[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(readListeners).flatMap((fields) => {
    const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)
    return fields[9] === undefined ? [] : [{ port, inode: fields[9] }]
  })
}

/** The kernel's flag for a Unix socket that listens (Linux's net.h, SO_ACCEPTCON). */
const ACCEPTS = 0x10000

/** Inodes of the Unix sockets that listen at a path. */
export function listenersAtPath(path: string): readonly string[] {
  // Num RefCount Protocol Flags Type St Inode Path
  return (read('/proc/net/unix') ?? '').split('\n').flatMap((line) => {
    if (!line.endsWith(` ${path}`)) return []
    const fields = line.trim().split(/\s+/)
    const listens = (Number.parseInt(fields[3] ?? '', 16) & ACCEPTS) !== 0
    return listens && fields[6] !== undefined ? [fields[6]] : []
  })
}

const CHUNK_BYTES = 64 * 1024
const MOST_CHUNKS = 256

// The kernel lists listening sockets before all others, and makes the text as it is read: stopping
// at the first other one keeps this cheap where tens of thousands of connections linger.
function readListeners(path: string): readonly (readonly string[])[] {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch {
    // A kernel without IPv6 has no tcp6.
    return []
  }
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES)
    let text = ''
    for (let chunk = 0; chunk < MOST_CHUNKS; chunk++) {
      const size = readSync(descriptor, buffer, 0, CHUNK_BYTES, null)
      text += buffer.toString('latin1', 0, size)
      const whole = text.slice(text.indexOf('\n') + 1, text.lastIndexOf('\n'))
      const rows = whole === '' ? [] : whole.split('\n').map((line) => line.trim().split(/\s+/))
      const end = rows.findIndex((fields) => fields[3] !== LISTEN)
      if (size === 0 || end >= 0) return end < 0 ? rows : rows.slice(0, end)
    }
    return []
  } finally {
    closeSync(descriptor)
  }
}

/** Whether a process holds one of these sockets open. */
export function holdsSocket(pid: number, inodes: readonly string[]): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const link = linkOf(`/proc/${pid}/fd/${fd}`)
      return inodes.some((inode) => link === `socket:[${inode}]`)
    })
  } catch {
    // Gone, or another user's: in both cases it can not be shown to hold the socket.
    return false
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    // Closed between listing and reading.
    return undefined
  }
}

/** Busy and total time of all cores since boot, in clock ticks. */
export function cpuTimes(): { readonly busy: number; readonly total: number } | undefined {
  const line = /^cpu +(.*)$/m.exec(read('/proc/stat') ?? '')?.[1]
  if (line === undefined) return undefined
  // user nice system idle iowait irq softirq steal; guest time is already in user.
  const fields = line.split(' ').slice(0, 8).map(Number)
  const total = fields.reduce((sum, v) => sum + v, 0)
  const idle = (fields[3] ?? 0) + (fields[4] ?? 0)
  return { busy: total - idle, total }
}
