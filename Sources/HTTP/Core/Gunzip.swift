internal import CZlib
internal import Synchronization

/// Takes gzip (RFC 1952) off a body, a run of bytes at a time: what it costs depends on what is read, never on what
/// the compressed bytes would become.
@safe final class Gunzip: @unchecked Sendable {
  /// Most bytes that come out at once.
  static let runBytes = 64 * 1024
  /// What the decoder itself takes: a window of 32 KiB, tables, and a run.
  static let memoryBytes = 128 * 1024

  private struct State {
    var input: [UInt8] = []
    var position = 0
    /// Whether a member has begun and not ended.
    var isInMember = false
    var hasMembers = false
    /// Whether the decoder may hold output although all input is taken.
    var hasPending = false
    var produced = 0
  }

  private let stream: UnsafeMutablePointer<z_stream>
  private let state = Mutex(State())
  private let limit: Int

  /// A decoder of at most `limit` bytes of output.
  ///
  /// - Throws: `HTTPError` 500 when memory is short.
  init(limit: Int) throws(HTTPError) {
    self.limit = limit
    guard let stream = unsafe byol_gunzip_new() else {
      throw HTTPError(.outOfMemory, "The body could not be decompressed.")
    }
    unsafe self.stream = stream
  }

  deinit { unsafe byol_gunzip_free(stream) }

  /// Takes the next compressed bytes; all earlier ones must have been read out by `next`.
  func feed(_ bytes: [UInt8]) {
    state.withLock { state in
      state.input = bytes
      state.position = 0
    }
  }

  /// The next run of plain bytes, or nil when more compressed ones are needed.
  ///
  /// - Throws: `HTTPError` 400 for what is no gzip, 413 past the limit; the decoder cannot be used afterwards.
  func next() throws(HTTPError) -> [UInt8]? {
    let result: Result<[UInt8]?, HTTPError> = state.withLock { state in
      do throws(HTTPError) { return .success(try run(&state)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// Judges whether the compressed bytes may end here.
  ///
  /// - Throws: `HTTPError` 400 inside a member.
  func finish() throws(HTTPError) {
    guard state.withLock({ $0.hasMembers && !$0.isInMember }) else {
      throw .malformed(.incompleteBody, "The gzip data end before they are complete.")
    }
  }

  private func run(_ state: inout State) throws(HTTPError) -> [UInt8]? {
    // A body may consist of several members one after another; what they hold is joined.
    while state.position < state.input.count || (state.isInMember && state.hasPending) {
      if !state.isInMember {
        unsafe inflateReset(stream)
        state.isInMember = true
        state.hasMembers = true
      }
      let (output, result) = inflateOnce(&state)
      guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else {
        throw .malformed(
          .invalidContentCoding, "The body is not the gzip data that Content-Encoding announces.")
      }
      state.hasPending = result == Z_OK && output.count == Gunzip.runBytes
      if result == Z_STREAM_END { state.isInMember = false }
      state.produced += output.count
      if state.produced > limit { throw .bodyTooLarge(limit: limit) }
      if !output.isEmpty { return output }
    }
    return nil
  }

  private func inflateOnce(_ state: inout State) -> (output: [UInt8], result: Int32) {
    var result = Z_OK
    var taken = state.input.count - state.position
    let input = state.input[state.position...]
    let output = unsafe input.withUnsafeBufferPointer { input in
      unsafe [UInt8](unsafeUninitializedCapacity: Gunzip.runBytes) { target, count in
        count = target.count
        result = unsafe byol_inflate(
          stream, input.baseAddress, &taken, target.baseAddress, &count)
      }
    }
    state.position += taken
    return (output, result)
  }
}
