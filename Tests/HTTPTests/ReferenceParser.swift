import Glibc

@testable import HTTP

/// A second parser, written for the tests alone, over whole messages and in another style: split first, judge
/// later. It shares no code with the server's and knows only verdicts, not how a message may be cut.
enum Reference {
  enum Outcome: Equatable {
    /// Method, target, lower-cased fields, the plain body, and the bytes taken.
    case message(String, String, [[String]], [UInt8], Int)
    case refused
    case incomplete
  }

  static func parse(_ bytes: [UInt8]) -> Outcome {
    var start = 0
    if bytes.starts(with: [13, 10]) { start = 2 }
    var lines: [[UInt8]] = []
    var at = start
    while true {
      guard let lf = bytes[at...].firstIndex(of: 10) else {
        // Every complete line must already be sound, since the server judges lines as they end.
        return lines.enumerated().allSatisfy { isSound($1, first: $0 == 0) }
          ? .incomplete : .refused
      }
      let line = Array(bytes[at..<lf])
      at = lf + 1
      if line == [13], !lines.isEmpty { break }
      lines.append(line)
      if !isSound(line, first: lines.count == 1) { return .refused }
    }
    return judge(
      lines.map { String(decoding: $0.dropLast(), as: UTF8.self) }, bytes, at)
  }

  /// A line by itself: ends with CR, holds none else, and has its kind's shape.
  private static func isSound(_ line: [UInt8], first: Bool) -> Bool {
    guard line.last == 13, !line.dropLast().contains(13) else { return false }
    let content = Array(line.dropLast())
    if first {
      let words = content.split(separator: 32, omittingEmptySubsequences: false)
      guard words.count == 3, (1...32).contains(words[0].count), words[0].allSatisfy(isToken) else {
        return false
      }
      guard !words[1].isEmpty, words[1].allSatisfy({ $0 > 32 && $0 < 127 && $0 != 35 }) else {
        return false
      }
      return ["HTTP/1.1", "HTTP/1.0"].contains { Array($0.utf8) == Array(words[2]) }
    }
    guard let colon = content.firstIndex(of: 58), colon > 0 else { return false }
    return content[..<colon].allSatisfy(isToken)
      && content[(colon + 1)...].allSatisfy { $0 == 9 || ($0 >= 32 && $0 != 127) }
  }

  private static let tokenBytes = Set(
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)

  private static func isToken(_ byte: UInt8) -> Bool {
    tokenBytes.contains(byte)
  }

  private static func judge(_ lines: [String], _ bytes: [UInt8], _ bodyStart: Int) -> Outcome {
    let words = lines[0].split(separator: " ").map(String.init)
    var fields: [[String]] = []
    for line in lines.dropFirst() {
      let colon = line.firstIndex(of: ":") ?? line.endIndex
      var value = line[line.index(after: colon)...]
      while let first = value.first, first == " " || first == "\t" { value.removeFirst() }
      while let last = value.last, last == " " || last == "\t" { value.removeLast() }
      fields.append([line[..<colon].lowercased(), String(value)])
    }
    func values(_ name: String) -> [String] { fields.filter { $0[0] == name }.map { $0[1] } }
    let old = words[2] == "HTTP/1.0"
    let hosts = values("host")
    if hosts.count > 1 || (hosts.isEmpty && !old) { return .refused }
    if let host = hosts.first, !isHost(host) { return .refused }
    guard targetFits(words[1], method: words[0], host: hosts.first) else { return .refused }
    if !old, let expect = values("expect").first, expect.lowercased() != "100-continue" {
      return .refused
    }
    let lengths = values("content-length")
    let codings = values("transfer-encoding")
    func message(_ body: [UInt8], _ end: Int) -> Outcome {
      .message(words[0], words[1], fields, body, end)
    }
    if !codings.isEmpty {
      guard codings.count == 1, codings[0].lowercased() == "chunked", lengths.isEmpty, !old else {
        return .refused
      }
      return chunks(bytes, bodyStart, message)
    }
    guard let length = lengths.first else { return message([], bodyStart) }
    guard lengths.count == 1, !length.isEmpty, length.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
      let count = Int(length)
    else { return .refused }
    if count > 1 << 20 { return .refused }
    guard bytes.count - bodyStart >= count else { return .incomplete }
    return message(Array(bytes[bodyStart..<bodyStart + count]), bodyStart + count)
  }

  private static func isHost(_ host: String) -> Bool {
    var name = host
    if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
      let port = host[host.index(after: colon)...]
      guard port.count <= 5, port.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), Int(port) ?? 0 < 65536
      else { return false }
      name = String(host[..<colon])
    }
    if name.hasPrefix("[") {
      let inner = name.dropFirst().dropLast()
      var address = in6_addr()
      let known = unsafe inet_pton(AF_INET6, String(inner), &address) == 1
      return name.hasSuffix("]") && !inner.utf8.contains(0) && known
    }
    if name.isEmpty { return false }
    let pieces = name.split(separator: "%", omittingEmptySubsequences: false)
    for piece in pieces.dropFirst() {
      guard piece.count >= 2, piece.prefix(2).allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
        return false
      }
    }
    let allowed = Array(
      "-._~!$&'()*+;=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    return pieces.allSatisfy { $0.utf8.allSatisfy(allowed.contains) }
  }

  private static func targetFits(_ target: String, method: String, host: String?) -> Bool {
    if method == "CONNECT" { return false }
    if target.hasPrefix("/") { return true }
    if target == "*" { return method == "OPTIONS" }
    let lower = target.lowercased()
    guard let scheme = ["http://", "https://"].first(where: lower.hasPrefix) else { return false }
    let rest = target.dropFirst(scheme.count)
    let authority = String(rest.prefix { $0 != "/" && $0 != "?" })
    guard isHost(authority) else { return false }
    return host.map { $0.lowercased() == authority.lowercased() } ?? true
  }

  private static func chunks(
    _ bytes: [UInt8], _ start: Int, _ message: ([UInt8], Int) -> Outcome
  ) -> Outcome {
    var at = start
    var body: [UInt8] = []
    while true {
      guard let lf = bytes[at...].firstIndex(of: 10) else {
        return sizeLineMayBegin(Array(bytes[at...])) ? .incomplete : .refused
      }
      let line = Array(bytes[at..<lf])
      guard let size = chunkSize(line), size <= 1 << 20 - body.count else { return .refused }
      at = lf + 1
      if size == 0 { break }
      guard bytes.count - at >= size + 2 else {
        let after = bytes[at...].dropFirst(size)
        return after.isEmpty || after.elementsEqual([13]) ? .incomplete : .refused
      }
      guard bytes[at + size] == 13, bytes[at + size + 1] == 10 else { return .refused }
      body += bytes[at..<at + size]
      at += size + 2
    }
    while true {
      guard let lf = bytes[at...].firstIndex(of: 10) else { return .incomplete }
      let line = Array(bytes[at..<lf])
      at = lf + 1
      if line == [13] { return message(body, at) }
      guard isSound(line, first: false) else { return .refused }
      let name = String(decoding: line.prefix { $0 != 58 }, as: UTF8.self).lowercased()
      if forbidden.contains(name) { return .refused }
    }
  }

  private static let forbidden = [
    "authorization", "cache-control", "connection", "content-encoding", "content-length",
    "content-range",
    "content-type", "cookie", "expect", "host", "keep-alive", "max-forwards", "proxy-authorization",
    "range",
    "set-cookie", "te", "trailer", "transfer-encoding", "upgrade",
  ]

  /// A size line without extensions; the seeds of the mutation test carry none on purpose, see `extensions`.
  private static func chunkSize(_ line: [UInt8]) -> Int? {
    guard line.last == 13 else { return nil }
    let text = line.dropLast().prefix { $0 != 59 && $0 != 32 && $0 != 9 }
    guard (1...16).contains(text.count), text.allSatisfy(isHex),
      let size = Int(String(decoding: text, as: UTF8.self), radix: 16)
    else { return nil }
    return extensions(Array(line.dropLast().dropFirst(text.count))) ? size : nil
  }

  /// `;name`, `;name=token` or `;name="quoted"`, any number of times, with blanks around `;` and `=`.
  private static func extensions(_ text: [UInt8]) -> Bool {
    func blanks(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
      bytes.drop { $0 == 32 || $0 == 9 }
    }
    var rest = text[...]
    while blanks(rest).first == 59 {
      rest = blanks(blanks(rest).dropFirst())
      let name = rest.prefix(while: isToken)
      if name.isEmpty { return false }
      rest = rest.dropFirst(name.count)
      guard blanks(rest).first == 61 else { continue }
      rest = blanks(blanks(rest).dropFirst())
      if rest.first == 34 {
        rest.removeFirst()
        while let byte = rest.first, byte != 34 {
          if byte == 92 { rest.removeFirst() }
          guard let content = rest.popFirst(), content == 9 || (content >= 32 && content != 127)
          else { return false }
        }
        guard rest.popFirst() == 34 else { return false }
      } else {
        let token = rest.prefix(while: isToken)
        if token.isEmpty { return false }
        rest = rest.dropFirst(token.count)
      }
    }
    return rest.isEmpty
  }

  private static let hexBytes = Set("0123456789abcdefABCDEF".utf8)

  private static func isHex(_ byte: UInt8) -> Bool { hexBytes.contains(byte) }

  /// Whether a line feed could still make a size line of these bytes.
  private static func sizeLineMayBegin(_ bytes: [UInt8]) -> Bool {
    if bytes.isEmpty { return true }
    // Whatever completes it: nothing more, a return, a digit, a name, a value, the end of a quotation.
    let endings = ["\r", "", "0\r", "x\r", "=x\r", ";x\r", "\"\r", "x\"\r"].map { Array($0.utf8) }
    return endings.contains { chunkSize(bytes + $0) != nil }
      && (chunkSize(bytes + [13]).map { $0 <= 1 << 20 } ?? true)
  }
}
