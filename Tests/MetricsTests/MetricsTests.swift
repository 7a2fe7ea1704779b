import Foundation
import JSONTree
import Metrics
import Testing

@Suite struct `Metrics` {
  @Test func `values are an object of the finite ones, whatever the case of their names`() throws {
    var values: MetricValues = ["loss": 1.5, "learning_rate": .infinity, "embedding_std": .nan]
    values["tau"] = 0.99
    let bytes = try JSONCoding.encode(values)
    #expect(String(decoding: bytes, as: UTF8.self) == #"{"loss":1.5,"tau":0.99}"#)
    values["learning_rate"] = 0.2
    let back = try JSONCoding.decode(MetricValues.self, from: JSONCoding.encode(values))
    #expect(back == values && back["learning_rate"] == 0.2 && back["embedding_std"] == nil)
  }

  @Test func `a value is forgotten where a later one is not finite`() {
    var values: MetricValues = ["loss": 1]
    values["loss"] = .nan
    #expect(values["loss"] == nil && values == MetricValues() && values.known.isEmpty)
  }

  @Test func `values are equal whatever their order, and come in the order that is asked for`() {
    let (one, other): (MetricValues, MetricValues) = (["a": 1, "b": 2], ["b": 2, "a": 1])
    #expect(one == other && one.hashValue == other.hashValue)
    #expect(one.ordered(by: ["a", "b"]) == [1, 2] && other.ordered(by: ["a", "b"]) == [1, 2])
    let shorter = one.ordered(by: ["b", "c"])
    #expect(shorter[0] == 2 && shorter[1].isNaN)
    #expect(MetricValues(["a", "b", "c"], [1, 2]) == one)
  }

  @Test func `a declaration reads back, and its defaults may be left out`() throws {
    let metric = Metric(
      "loss", title: "Loss", "The loss.", unit: "", minimum: 0, maximum: 8, reference: 4)
    #expect(try JSONCoding.decode(Metric.self, from: JSONCoding.encode(metric)) == metric)
    let bare = try JSONCoding.decode(Metric.self, from: Array(#"{"name":"x"}"#.utf8))
    #expect(bare.title == "x" && bare.kind == .gauge && bare.minimum == nil)
  }

  @Test(arguments: [
    #"{"name":""}"#, #"{"name":"Loss"}"#, #"{"name":"1st"}"#, #"{"name":"a-b"}"#,
    #"{"name":"time"}"#,
    #"{"name":"\#(String(repeating: "a", count: 65))"}"#,
    #"{"name":"a","title":"\#(String(repeating: "t", count: 65))"}"#,
    #"{"name":"a","unit":"\#(String(repeating: "u", count: 65))"}"#,
    #"{"name":"a","sentence":"\#(String(repeating: "s", count: 401))"}"#,
    #"{"name":"a","minimum":2,"maximum":1}"#, #"{"name":"a","kind":"dance"}"#, #"{}"#,
  ])
  func `a declaration outside the limits is none`(text: String) {
    #expect(throws: DecodingError.self) {
      try JSONCoding.decode(Metric.self, from: Array(text.utf8))
    }
  }

  @Test(arguments: [
    #"{"Loss":1}"#, #"[1]"#, #"{"loss":"1"}"#,
    "{" + (0...64).map { "\"m\($0)\":1" }.joined(separator: ",") + "}",
  ])
  func `values of other names, of other types or too many are refused`(text: String) {
    #expect(throws: DecodingError.self) {
      try JSONCoding.decode(MetricValues.self, from: Array(text.utf8))
    }
  }

  @Test func `a later declaration changes words, never places`() {
    let (a, b) = (Metric("a", title: "A", "One."), Metric("b", title: "B", "Two."))
    let other = Metric("a", title: "A", "Another.")
    #expect(
      [a, b].merged(with: [Metric("c", title: "C", "Three."), other]).map(\.name) == [
        "a", "b", "c",
      ])
    #expect([a, b].merged(with: [other])[0].sentence == "Another.")
    let many = (0..<100).map { Metric("m\($0)", title: "", "") }
    #expect([a].merged(with: many).count == MetricLimits.metrics)
  }

  @Test func `what nobody declared is named`() {
    let values: MetricValues = ["a": 1, "z": 2, "y": 3, "x": .nan]
    #expect(values.names(outside: [Metric("a", title: "", "")]) == ["y", "z"])
  }
}
