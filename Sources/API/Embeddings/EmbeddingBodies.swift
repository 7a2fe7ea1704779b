import EmbeddingService
import Foundation
import Images
import JSONTree
import TensorGraph

/// OpenAI's list of embeddings, written directly: a tree of a million numbers would cost more than the model.
func openAI(
  _ reply: EmbeddingReply, _ model: ModelCatalog.Entry, _ format: EncodingFormat
) -> [UInt8] {
  var text = Array(#"{"object":"list","data":["#.utf8)
  for index in reply.vectors.indices {
    if index > 0 { text.append(UInt8(ascii: ",")) }
    append(index, of: reply, format, to: &text)
  }
  let rest: JSONValue = [
    "model": .string(model.name), "checkpoint": .string(model.file.name),
    "fingerprint": .string(reply.fingerprint),
    "precision": .string(reply.precision.rawValue),
    "usage": [
      "prompt_tokens": 0, "total_tokens": 0,
      "images": .integer(Int64(reply.vectors.count - reply.failures.count)),
    ],
  ]
  return text + Array("],".utf8) + rest.encoded.dropFirst()
}

/// One JSON object a line for each picture, in order: what OpenAI's list has under `data`.
func lines(_ reply: EmbeddingReply, _ format: EncodingFormat) -> [UInt8] {
  var text: [UInt8] = []
  for index in reply.vectors.indices {
    append(index, of: reply, format, to: &text)
    text.append(UInt8(ascii: "\n"))
  }
  return text
}

/// One picture's vector, or why it has none, as an object.
private func append(
  _ index: Int, of reply: EmbeddingReply, _ format: EncodingFormat, to text: inout [UInt8]
) {
  if let failure = reply.failures[index] {
    let error: JSONValue = [
      "object": "error", "index": .integer(Int64(index)), "code": .string(failure.code.rawValue),
      "detail": .string(failure.detail),
    ]
    text += error.encoded
    return
  }
  text += Array(#"{"object":"embedding","index":\#(index),"embedding":"#.utf8)
  append(reply.vectors[index], format, to: &text)
  text.append(UInt8(ascii: "}"))
}

private func append(_ vector: [Float], _ format: EncodingFormat, to text: inout [UInt8]) {
  switch format {
  case .base64:
    text += Array("\"\(Data(littleEndian(vector)).base64EncodedString())\"".utf8)
  case .float:
    text.append(UInt8(ascii: "["))
    for (index, value) in vector.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      text += Array(value.description.utf8)  // the shortest form that reads back
    }
    text.append(UInt8(ascii: "]"))
  }
}

/// The vector's numbers as little-endian float32.
func littleEndian(_ vector: [Float]) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(4 * vector.count)
  for value in vector {
    let bits = value.bitPattern
    for shift in stride(from: UInt32(0), to: 32, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
    }
  }
  return bytes
}
