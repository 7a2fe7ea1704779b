internal import CSystem
internal import Logging

/// Accepts connections on the loop's thread and survives running out of descriptors.
final class Listener {
  private let descriptor: Int32
  private let loop: EventLoop
  private let site: Site
  private var armed = true
  private var open = true
  private var exhausted = false
  private let connectionLimit: Int

  /// `port`: the one that the first of several loops got.
  ///
  /// - Throws: `HTTPError` when the address cannot be listened on.
  init(_ site: Site, loop: EventLoop, port: Int? = nil) throws(HTTPError) {
    self.site = site
    self.loop = loop
    let loops = site.configuration.loops
    connectionLimit = max(1, site.limits.connections / loops)
    let backlog = Int32(site.limits.backlog)
    switch site.configuration.address {
    case .tcp(let host, let configured):
      descriptor = unsafe byol_listen_tcp(
        host, UInt16(clamping: port ?? configured), backlog, loops > 1 ? 1 : 0)
    case .unix(let path): descriptor = unsafe byol_listen_unix(path, backlog)
    case .inherited(let inherited): descriptor = byol_adopt_listener(inherited)
    }
    guard descriptor >= 0 else {
      throw HTTPError(.cannotListen, "The address cannot be listened on (errno \(-descriptor)).")
    }
  }

  deinit {
    close()
  }

  /// The local port; 0 for a Unix socket.
  var port: Int { Int(byol_local_port(descriptor)) }

  /// Registers with the loop; on the loop's thread.
  func start() {
    loop.listenerReady = { [self] in accept() }
    loop.connectionClosed = { [self] in rearm() }
    _ = loop.addListener(descriptor)
  }

  /// Takes the connections that wait in the kernel's queue, on the loop's thread: closing the socket would reset them.
  func acceptWaiting() { accept() }

  /// Stops accepting for good.
  func close() {
    guard open, descriptor >= 0 else { return }
    open = false
    if case .unix(let path) = site.configuration.address { unsafe byol_unlink(path) }
    _ = byol_close(descriptor)
  }

  private func accept() {
    while open {
      if loop.connectionCount >= connectionLimit, !makePlace() { return }
      var name = [CChar](repeating: 0, count: 64)
      let accepted = unsafe byol_accept(descriptor, &name, 64)
      if accepted >= 0 {
        let end = name.firstIndex(of: 0) ?? name.endIndex
        let address = String(decoding: name[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        begin(accepted, address)
        continue
      }
      switch -accepted {
      case 11:  // EAGAIN: the queue is empty
        exhausted = false
        return rearm()
      case 4, 71, 92, 95, 100, 101, 103, 112, 113: continue  // concerns that one connection
      default:  // EMFILE, ENFILE, ENOBUFS, ENOMEM and what nobody foresaw
        // Without a descriptor to give, the kernel does not look whether anybody waits.
        guard byol_awaits_accept(descriptor) == 1, loop.closeLongestIdle() else {
          return runShort()
        }
      }
    }
  }

  /// Closes an idle connection if a client waits for a place; whether there is a place then.
  private func makePlace() -> Bool {
    guard byol_awaits_accept(descriptor) == 1 else {
      arm()
      return false
    }
    if loop.closeLongestIdle() { return true }
    // All are busy: the loop tells when one becomes idle or ends.
    disarm()
    loop.newcomerWaits = true
    return false
  }

  private func begin(_ accepted: Int32, _ address: String) {
    let connection = loop.add(accepted) { token in
      Connection(site: site, loop: loop, descriptor: accepted, token: token, address: address)
    }
    guard let connection else {
      _ = byol_close(accepted)
      return
    }
    connection.assumeIsolated { $0.start() }
  }

  private func disarm() {
    armed = false
    loop.armListener(descriptor, false)
  }

  private func arm() {
    loop.newcomerWaits = false
    guard !armed else { return }
    armed = true
    loop.armListener(descriptor, true)
  }

  private func rearm() {
    if open, !exhausted, loop.connectionCount < connectionLimit { arm() }
  }

  /// No descriptor is left. Logs it once, and tries again after 200 ms; the clients wait in the kernel's queue.
  private func runShort() {
    if !exhausted { site.logger.error("out of descriptors or memory; accepting pauses") }
    exhausted = true
    disarm()
    loop.after(.milliseconds(200)) { [self] in
      if open { arm() }
    }
  }
}
