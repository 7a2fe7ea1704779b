import JSONTree
import Testing

@Suite struct `JSON trees` {
  @Test(arguments: [
    (
      #"{"a": [1, 2.5, -0, "x\u00e9\ud83d\ude00\n", null, true]}"#,
      #"{"a":[1,2.5,0,"xé😀\n",null,true]}"#
    ),
    (" 1e3 ", "1000.0"), ("-12", "-12"), ("9223372036854775808", "9.223372036854776e+18"),
    (#""\/\\\"""#, #""/\\\"""#),
  ])
  func `a text reads and writes back in its canonical form`(text: String, canonical: String) throws
  {
    let value = try JSONValue(parsing: text)
    #expect(value.description == canonical)
    #expect(try JSONValue(parsing: canonical) == value)
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "+1", "1.", ".5", "1e", "nul",
    "\"\\x\"",
    "\"\\ud800\"", "\"a", "\"\u{01}\"", "1 2", "{1:2}", "NaN", "1e999", "'a'",
    String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
  ])
  func `a text that is not JSON is refused`(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
  }

  @Test func `a name that occurs twice is named with its place`() {
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: #"{"epochs": 1, "epochs": 2}"#)
    }
    #expect(error?.offset == 14)
    #expect(error?.reason == #"the name "epochs" occurs twice"#)
  }

  @Test func `names that look the same and differ in code points are two names`() throws {
    let (one, two) = ("\u{E9}", "e\u{301}")
    #expect(one == two)
    let value = try JSONValue(parsing: #"{"\#(one)":1,"\#(two)":2}"#)
    let object = try #require(value.objectValue)
    #expect(object.members.count == 2 && object[one] == 1 && object[two] == 2)
    #expect(try JSONValue(parsing: value.encoded) == value)
    #expect(try JSONValue(parsing: #"{"\#(one)":1}"#) != JSONValue(parsing: #"{"\#(two)":1}"#))
    var shorter = object
    shorter[one] = nil
    #expect(shorter.members.map(\.name.utf8.count) == [3] && shorter[two] == 2)
    // Foundation's encoder has room for one of them, and must not lose the other in silence.
    #expect(throws: EncodingError.self) { try JSONCoding.encode(value) }
  }

  @Test func `the same name escaped and plain occurs twice`() {
    #expect(throws: JSONError.self) { try JSONValue(parsing: #"{"\u00e9":1,"\#("\u{E9}")":2}"#) }
  }

  @Test func `bytes that are not UTF-8 are refused`() {
    #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xC3, 0x28, 0x22]) }
  }

  @Test func `a Swift value travels in snake case`() throws {
    struct Sample: Codable, Equatable {
      var imagesPerSecond = 1.5
      var notes = ["keepMe": "asIs"]
    }
    let bytes = try JSONCoding.encode(Sample())
    #expect(
      String(decoding: bytes, as: UTF8.self)
        == #"{"images_per_second":1.5,"notes":{"keepMe":"asIs"}}"#)
    #expect(try JSONCoding.decode(Sample.self, from: bytes) == Sample())
  }
}
