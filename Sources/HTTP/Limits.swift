/// Every limit the server holds a client to, each with its unit and a default that is on.
///
/// A limit is checked before the bytes it governs are buffered.
public struct Limits: Sendable, Equatable {
  /// Longest request line, in bytes without its line end. Longer: 414.
  public var startLineBytes = 8 * 1024
  /// Longest method, in bytes. Longer: 400.
  public var methodBytes = 32
  /// Longest single field line, in bytes without its line end. Longer: 431.
  public var fieldLineBytes = 8 * 1024
  /// Longest header section (all field lines with their line ends), in bytes. Longer: 431.
  public var headerSectionBytes = 16 * 1024
  /// Most field lines in one header section. More: 431.
  public var fieldCount = 100
  /// Longest trailer section of a chunked body, in bytes. Longer: 431.
  public var trailerSectionBytes = 8 * 1024
  /// Most chunk extension bytes in one body. More: 400.
  public var chunkExtensionBytes = 16 * 1024
  /// Chunk framing bytes a body may carry before their share of the body is looked at.
  public var chunkOverheadBytes = 100 * 1024
  /// Longest body of a route that names no limit of its own, in bytes. Longer: 413.
  public var bodyBytes = 1024 * 1024

  /// Most bytes of bodies, requests' and responses', that all connections together hold in memory; bodies of up to 16 KiB
  /// do not count. A request's body waits for its share up to `memoryWait`, then: 503.
  public var bodyMemoryBytes = 256 * 1024 * 1024
  /// Longest time a body waits for its share of `bodyMemoryBytes`. Longer: 503 with `Retry-After`.
  public var memoryWait: Duration = .seconds(10)
  /// Slowest client tolerated, in bytes per second of waiting for it, while it holds some of `bodyMemoryBytes` and others
  /// ask for it in vain.
  public var minimumRateWhenShort = 64 * 1024

  /// Most connections open at once; for a further one the connection that has been idle longest is closed, and where
  /// none is idle it waits in the kernel's backlog.
  public var connections = 4096
  /// Most requests answered on one connection before it is closed.
  public var requestsPerConnection = 10_000
  /// Length of the kernel's queue of connections not yet accepted.
  public var backlog = 1024

  /// Longest time from the first byte of a head to its last.
  public var headTimeout: Duration = .seconds(10)
  /// Longest silence inside a head.
  public var headProgressTimeout: Duration = .seconds(5)
  /// Longest silence between two requests of one connection, and before the first one.
  public var idleTimeout: Duration = .seconds(60)
  /// Longest silence inside a body that a handler is waiting for.
  public var bodyProgressTimeout: Duration = .seconds(15)
  /// Longest time a body may keep the server waiting in all; the time that a handler takes does not count.
  public var bodyTimeout: Duration = .seconds(21600)
  /// Longest time a client may acknowledge nothing of a response, besides the time in which it reads at `minimumRate` what
  /// makes its system send a window update.
  public var writeProgressTimeout: Duration = .seconds(15)
  /// Most bytes that a client is taken to read before its system sends a window update. It is a quarter of what it has
  /// acknowledged, and at least one segment, where that is less.
  public var windowUpdateBytes = 512 * 1024
  /// Longest time a response may wait for the client in all; an event stream waits only while the client does not read.
  public var writeTimeout: Duration = .seconds(21600)
  /// Slowest client tolerated, in bytes per second of waiting for it, once `rateGrace` has passed.
  public var minimumRate = 1024
  /// Time spent waiting for a client before `minimumRate` is asked of it.
  public var rateGrace: Duration = .seconds(10)
  /// Longest time a connection is read and discarded after an early answer.
  public var lingerTimeout: Duration = .seconds(5)
  /// Longest silence of a client that is read and discarded.
  public var lingerProgressTimeout: Duration = .seconds(2)
  /// Most bytes read and discarded after an early answer.
  public var lingerBytes = 16 * 1024 * 1024
  /// Most unread body bytes discarded to keep a connection alive after its answer.
  public var discardBytes = 64 * 1024
  /// Longest time for a proxy's header and a TLS handshake together.
  public var handshakeTimeout: Duration = .seconds(10)
  /// Longest silence inside these.
  public var handshakeProgressTimeout: Duration = .seconds(5)
  /// Time after which a client that has ended its side of the connection is asked, by an interim response, whether it
  /// still waits for its answer; each further question comes after twice the time.
  public var departureProbe: Duration = .seconds(1)
  /// Longest time that a drain waits for requests that are still coming in. Longer: 503.
  public var drainBodyTimeout: Duration = .seconds(2)
  /// Longest time that a drain takes in all, unless it is given another; what is left then is cut off.
  public var drainTimeout: Duration = .seconds(5)

  /// Creates the default limits.
  public init() {}
}
