import CSystem
import Glibc
import Testing

@testable import HTTP

private let seeds = [
  "GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
  "\r\nGET /a?b=c%20d HTTP/1.0\r\nConnection: keep-alive\r\nX: \ty \r\n\r\n",
  "POST /x HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 5\r\n\r\nhello",
  "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nT: u\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 ; a\t= b ;c\r\nx\r\n0\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n",
  "GET http://example.org/p?q HTTP/1.1\r\nHost: example.org\r\n\r\n",
  "PUT /f HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a%41\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n0;a=b\r\n\r\n",
]

/// What the server's parser and decoder make of whole bytes, in the reference's terms.
private func judged(_ bytes: [UInt8]) -> Reference.Outcome {
  guard case .accepted(let head, let taken) = headVerdict([bytes[...]]) else {
    if case .incomplete = headVerdict([bytes[...]]) { return .incomplete }
    return .refused
  }
  let fields = head.headers.fields.map { field in
    [field.name.lowercased(), field.value]
  }
  switch bodyVerdict([bytes[taken...]], head.framing) {
  case .accepted(let body, let more):
    return .message(head.method, head.target, fields, body, taken + more)
  case .refused: return .refused
  case .incomplete: return .incomplete
  }
}

@Suite struct `Against a second parser` {
  @Test(arguments: seeds)
  func `seeds are taken whole by both`(seed: String) {
    guard case .message(_, _, _, _, seed.utf8.count) = Reference.parse(Array(seed.utf8)) else {
      Issue.record("\(Reference.parse(Array(seed.utf8)))")
      return
    }
    #expect(judged(Array(seed.utf8)) == Reference.parse(Array(seed.utf8)))
  }

  @Test(arguments: seeds)
  func `every single-byte change gets the same verdict from both`(seed: String) async {
    let bytes = Array(seed.utf8)
    var disagreements: [String] = []
    for index in bytes.indices {
      await Task.yield()  // the servers of other tests share this pool of threads
      for value in 0...255 {
        var mutant = bytes
        mutant[index] = UInt8(value)
        compare(mutant, &disagreements)
      }
      var shorter = bytes
      shorter.remove(at: index)
      compare(shorter, &disagreements)
      var longer = bytes
      longer.insert(bytes[index], at: index)
      compare(longer, &disagreements)
    }
    #expect(disagreements.isEmpty, "\(disagreements.count): \(disagreements.prefix(5))")
  }

  @Test func `a lenient parser would be found out`() {
    var disagreements = 0
    let bytes = Array(seeds[0].utf8)
    for index in bytes.indices where bytes[index] == 13 {
      var mutant = bytes
      mutant.remove(at: index)
      // What a parser that takes a bare LF would make of it.
      let repaired = String(decoding: mutant, as: UTF8.self).replacing("\r\n", with: "\n")
        .replacing("\n", with: "\r\n")
      if judged(Array(repaired.utf8)) != Reference.parse(mutant) { disagreements += 1 }
    }
    #expect(disagreements == 3)
  }

  private func compare(_ bytes: [UInt8], _ disagreements: inout [String]) {
    let ours = judged(bytes)
    let theirs = Reference.parse(bytes)
    if ours != theirs {
      disagreements.append(
        "\(String(decoding: bytes, as: UTF8.self).debugDescription) ours \(ours) reference \(theirs)"
      )
    }
  }

  @Test(arguments: seeds)
  func `random damage is judged the same however it is cut`(seed: String) async {
    var cuts = Cuts(seed: UInt64(seed.utf8.count))
    for _ in 0..<200 {
      await Task.yield()
      var bytes = Array(seed.utf8)
      for _ in 0...cuts.next(3) { bytes[cuts.next(bytes.count)] = UInt8(cuts.next(256)) }
      guard let verdict = unanimous(bytes, { headVerdict($0) }) else {
        Issue.record("heads disagree on \(bytes)")
        return
      }
      guard case .accepted(let head, let taken) = verdict else { continue }
      let agreed = unanimous(Array(bytes[taken...])) { bodyVerdict($0, head.framing) }
      #expect(agreed != nil, "bodies disagree on \(bytes)")
    }
  }
}

@Suite struct `Edges of memory` {
  @Test(arguments: seeds)
  func `nothing is read past the last byte given`(seed: String) throws {
    let page = 4096
    let mapped = unsafe mmap(
      nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let base = unsafe mapped, unsafe mapped != MAP_FAILED else {
      Issue.record("no memory mapped")
      return
    }
    defer { unsafe munmap(base, 2 * page) }
    #expect(unsafe mprotect(base + page, page, PROT_NONE) == 0)
    let bytes = Array(seed.utf8)
    for count in 1...bytes.count {
      // The bytes end where the guard page begins: a read beyond them ends the process.
      let start = unsafe base + (page - count)
      unsafe start.copyMemory(from: bytes, byteCount: count)
      let view = unsafe UnsafeBufferPointer(
        start: start.assumingMemoryBound(to: UInt8.self), count: count)
      var parser = HeadParser(limits: Limits())
      var position = 0
      guard let head = try unsafe parser.parse(view.span, at: &position) else { continue }
      var decoder = BodyDecoder(head.framing, limit: 1000, limits: Limits())
      var output: [UInt8] = []
      try unsafe decoder.decode(view.span, at: &position, into: &output)
      if count == bytes.count { #expect(decoder.isFinished) }
    }
  }
}
