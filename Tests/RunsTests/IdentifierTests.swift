import Foundation
import Identifiers
import Testing

/// Ascending identifiers for this file's tests.
private let identifiers = IdentifierSource()

@Suite struct `Run identifiers and times` {
  @Test func `identifiers ascend, even within one millisecond`() {
    let ids = (0..<5000).map { _ in
      identifiers.next(at: Timestamp(milliseconds: 1_700_000_000_000))
    }
    #expect(ids == ids.sorted() && Set(ids).count == ids.count)
  }

  @Test func `an identifier is a version 7 UUID of its time`() throws {
    // Identifiers of one source ascend, and this file's other tests take theirs from the same one.
    let far = Timestamp(milliseconds: 4_000_000_000_000)
    let text = identifiers.next(at: far).description
    let uuid = try #require(UUID(uuidString: text))
    #expect(uuid.uuid.6 >> 4 == 7 && uuid.uuid.8 >> 6 == 2)
    let time = try #require(Int64(text.prefix(13).replacing("-", with: ""), radix: 16))
    #expect(time == far.milliseconds)
    #expect(Identifier(text)?.description == text)
  }

  @Test(arguments: [
    "", "x", "018f3a3e-0000-4000-8000-000000000000", "018F3A3E-0000-7000-8000-000000000000",
    "018f3a3e-0000-7000-8000-00000000000", "../../etc/passwd",
  ])
  func `anything else is not an identifier`(text: String) { #expect(Identifier(text) == nil) }

  @Test(
    arguments: [
      (1_767_225_600_250, "2026-01-01T00:00:00.250Z"), (0, "1970-01-01T00:00:00.000Z"),
      (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
      (951_782_399_999, "2000-02-28T23:59:59.999Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] as [(Int64, String)])
  func `times travel as RFC 3339`(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).description == text)
    #expect(Timestamp(text)?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "2026-04-31T00:00:00.000Z", "2026-01-01T24:00:00.000Z", "2026-01-01T00:00:00Z", "now",
    "2100-02-29T00:00:00.000Z",
  ])
  func `what is no time is refused`(text: String) { #expect(Timestamp(text) == nil) }
}
