/// Takes the framing off a request's body, byte for byte the same however the input is cut.
struct BodyDecoder {
  private enum State {
    case length(left: Int)
    case chunked(ChunkedDecoder)
    case finished
    case failed
  }

  private var state: State
  /// Body bytes decoded so far.
  private(set) var decoded = 0

  /// Creates the decoder of no body.
  init() {
    state = .finished
  }

  /// Creates a decoder for a checked head: its declared length is within `limit`, which a chunked body is held to.
  init(_ framing: RequestHead.Framing, limit: Int, limits: Limits) {
    switch framing {
    case .none: state = .finished
    case .length(let length): state = .length(left: length)
    case .chunked: state = .chunked(ChunkedDecoder(limit: limit, limits: limits))
    }
  }

  /// Whether the whole body, trailers included, has been taken.
  var isFinished: Bool { if case .finished = state { true } else { false } }

  /// Body bytes still to come as they are, where the client declared them.
  var remaining: Int? {
    switch state {
    case .length(let left): left
    case .chunked, .failed: nil
    case .finished: 0
    }
  }

  /// Takes note of `count` body bytes, `remaining` at most, that came as they are.
  mutating func skip(_ count: Int) {
    guard case .length(let left) = state else { return }
    state = count == left ? .finished : .length(left: left - count)
    decoded += count
  }

  /// Takes bytes from `position` on, which moves past the body's; appends what they carry to `output`.
  ///
  /// - Throws: 400, 413 or 431; the decoder cannot be used afterwards.
  mutating func decode(
    _ bytes: Span<UInt8>, at position: inout Int, into output: inout [UInt8]
  ) throws(HTTPError) {
    let before = output.count
    switch state {
    case .finished, .failed: return
    case .length(let left):
      let count = min(left, bytes.count - position)
      output.append(bytes.extracting(position..<position + count))
      position += count
      state = count == left ? .finished : .length(left: left - count)
    case .chunked(var decoder):
      state = .failed  // also so that the decoder's buffers are not copied
      let done = try decoder.decode(bytes, at: &position, into: &output)
      state = done ? .finished : .chunked(decoder)
    }
    decoded += output.count - before
  }
}
