import Testing

@testable import API

@Suite struct ReplyCacheTests {
  private func reply(
    _ cache: ReplyCache, _ target: String, _ etag: String, _ made: Counter, size: Int = 1
  ) async -> [UInt8] {
    await cache.reply(target, etag: etag, contentType: "text/plain") {
      made.add()
      return [UInt8](repeating: UInt8(made.value), count: size)
    }.bytes
  }

  @Test func `a reply is made once for a tag and again for another`() async {
    let (cache, made) = (ReplyCache(), Counter())
    #expect(await reply(cache, "a", "1", made) == [1])
    #expect(await reply(cache, "a", "1", made) == [1])
    #expect(await reply(cache, "b", "1", made) == [2])
    #expect(await reply(cache, "a", "2", made) == [3])
    #expect(await reply(cache, "a", "2", made) == [3])
  }

  @Test func `what is kept is bounded`() async {
    let (cache, made) = (ReplyCache(), Counter())
    for target in ["a", "b"] { _ = await reply(cache, target, "1", made, size: 6 << 20) }
    #expect(made.value == 2)
    // The third does not fit beside the two: they are forgotten.
    _ = await reply(cache, "c", "1", made, size: 6 << 20)
    _ = await reply(cache, "c", "1", made, size: 6 << 20)
    _ = await reply(cache, "a", "1", made, size: 1)
    #expect(made.value == 4)
  }
}
