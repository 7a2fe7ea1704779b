import Foundation
import Testing

@testable import API

/// `/v1/runs/{id}/log`
@Suite struct LogTests {
  private let path = NSTemporaryDirectory() + "log-\(UUID())"

  private func part(_ text: [UInt8], from: Int? = nil, limit: Int = 1 << 16) throws -> LogPart {
    try Data(text).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return LogPart(path: path, from: from, limit: limit)
  }

  @Test func `the last whole lines come first, and what is new follows`() throws {
    let log = Array("one\ntwo\nthree\n".utf8)
    let last = try part(log, limit: 8)
    #expect(last.text == "three\n" && last.from == 8 && last.next == 14 && last.size == 14)
    let following = try part(log + Array("four\n".utf8), from: last.next)
    #expect(following.text == "four\n" && following.from == 14 && following.next == 19)
    #expect(try part(log, from: 14).text == "")
  }

  @Test func `a log that was begun anew is read from its beginning`() throws {
    let anew = try part(Array("new\n".utf8), from: 5000)
    #expect(anew.from == 0 && anew.text == "new\n" && anew.next == 4)
  }

  @Test func `a character is never cut in two, and what is no text is shown as such`() throws {
    let log = Array("ab\u{20AC}c".utf8)  // three bytes in the middle
    for limit in 3...4 {
      let part = try part(log, from: 0, limit: limit)
      #expect(part.text == "ab" && part.next == 2, "\(limit)")
    }
    #expect(try part(log, from: 2).text == "\u{20AC}c")
    #expect(try part([0x61, 0xFF, 0xFE, 0x62], from: 0).text == "a\u{FFFD}\u{FFFD}b")
    #expect(try part([0x80, 0x80, 0x80, 0x80], from: 0).next == 4)
  }

  @Test func `a log that is not there is empty`() {
    let part = LogPart(path: "/nowhere/worker.log", from: nil, limit: 10)
    #expect(part.text == "" && part.from == 0 && part.next == 0 && part.size == 0)
  }
}
