@testable import HTTP

/// What became of bytes.
enum Verdict<Value: Equatable>: Equatable {
  case accepted(Value, taken: Int)
  case refused(status: Int, code: String)
  case incomplete
}

/// A small deterministic source of cuts.
struct Cuts {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(bound))
  }
}

/// The ways every case is delivered: whole, byte by byte, and cut at random places.
func deliveries(_ bytes: [UInt8]) -> [[ArraySlice<UInt8>]] {
  var all = [[bytes[...]], bytes.indices.map { bytes[$0...$0] }]
  var cuts = Cuts(seed: UInt64(bytes.count))
  for _ in 0..<4 {
    var pieces: [ArraySlice<UInt8>] = []
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + 1 + cuts.next(1 + cuts.next(40)))
      pieces.append(bytes[start..<end])
      start = end
    }
    all.append(pieces)
  }
  return all
}

/// The head's verdict for one delivery.
func headVerdict(_ pieces: [ArraySlice<UInt8>], limits: Limits = Limits()) -> Verdict<RequestHead> {
  var parser = HeadParser(limits: limits)
  var taken = 0
  for piece in pieces {
    let bytes = Array(piece)
    var position = 0
    do {
      if let head = try parser.parse(bytes.span, at: &position) {
        return .accepted(head, taken: taken + position)
      }
    } catch {
      return .refused(status: error.status, code: error.code)
    }
    taken += position
  }
  return .incomplete
}

/// The body's verdict for one delivery.
func bodyVerdict(
  _ pieces: [ArraySlice<UInt8>], _ framing: RequestHead.Framing = .chunked, limit: Int = 1 << 20,
  limits: Limits = Limits()
) -> Verdict<[UInt8]> {
  do throws(HTTPError) {
    var decoder = BodyDecoder(framing, limit: limit, limits: limits)
    var output: [UInt8] = []
    var taken = 0
    for piece in pieces where !decoder.isFinished {
      let bytes = Array(piece)
      var position = 0
      try decoder.decode(bytes.span, at: &position, into: &output)
      taken += position
    }
    return decoder.isFinished ? .accepted(output, taken: taken) : .incomplete
  } catch {
    return .refused(status: error.status, code: error.code)
  }
}

/// The one verdict of all deliveries; nil when they disagree.
func unanimous<Value>(_ text: String, _ judge: ([ArraySlice<UInt8>]) -> Verdict<Value>) -> Verdict<
  Value
>? {
  unanimous(Array(text.utf8), judge)
}

func unanimous<Value>(_ bytes: [UInt8], _ judge: ([ArraySlice<UInt8>]) -> Verdict<Value>)
  -> Verdict<
    Value
  >?
{
  let verdicts = deliveries(bytes).map(judge)
  return verdicts.allSatisfy { $0 == verdicts[0] } ? verdicts[0] : nil
}
