using System.Text.Json.Nodes;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests.Inputs;

/// <summary>Stop strings against the plain rule: the first token with which the whole text holds one ends the rollout.</summary>
[TestClass]
public sealed class StopStringTests
{
    private const string Replace = """{"type":"Replace","pattern":{"String":"▁"},"content":" "}""";

    private static readonly string[] Decoders =
    [
        """{"type":"ByteLevel"}""",
        $$"""{"type":"Sequence","decoders":[{{Replace}},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""",
        """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}""",
        $$"""{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"},{{Replace}},{"type":"Replace","pattern":{"String":"aa"},"content":"b"}]}""",
        """{"type":"Fuse"}""",
        "null",
    ];

    private const string Long = "bcccccccccccccccccccccccccccccc";

    // Special tokens, bytes in both spellings, pieces with blanks; ids 60 to 63 have no token.
    private static readonly string[] Tokens =
    [
        "<s>", "<end>", "<pad>", "a", "b", "ab", "aab", "▁a", "▁▁", "▁", "b▁a", "ba", "Ġ", "Ċ", "é", "<", ">", "end", "<0x0A>",
        "<0x61>", "<0xE2>", "<0x82>",
        "<0xAC>", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "â", "Ĥ", "¬", "ð", "Ł", "ĺ", "Ģ", "€",
        Long,
    ];

    private static readonly string[] Stops =
        ["a", "ab", "ba", "aba", "abab", "€", "€a", "a€", "\n", " a", "😀", "<end>", "b<end>", "<end>a", "<s><end>", "bbbb", "aabaab"];

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    [DataRow(4)]
    [DataRow(5)]
    public void IsStopped_OfRandomTokens_IsWhatSearchingTheWholeTextSays(int decoder)
    {
        var (random, stopped, tokenizer) = (new Random(11 + decoder), 0, Load(Decoders[decoder]));
        for (var round = 0; round < 60; round++)
        {
            string[] stops = [.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => Stops[random.Next(Stops.Length)]).Distinct()];
            var text = new RolloutText(tokenizer, new SamplerSettings { StopStrings = stops });
            // Few kinds of tokens at a time, so that long stop strings and long runs come about; some that show nothing.
            int[] kinds =
            [
                .. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(Tokens.Length)),
                .. Enumerable.Range(0, Tokens.Length).Where(t => random.Next(2) == 0 && stops.Any(s => s.Contains(Tokens[t]))),
                random.Next(4) == 0 ? 62 : 2,
            ];
            var ids = new List<int>();
            for (var length = random.Next(1, 110); ids.Count < length;)
            {
                ids.Add(kinds[random.Next(kinds.Length)]);
                var expected = Naive(tokenizer, [.. ids], stops);
                Assert.AreEqual(
                    expected is not null,
                    text.IsStopped([.. ids]),
                    $"{string.Join('|', stops)} at {string.Join(' ', ids)}");
                if (expected is null)
                    continue;
                Assert.AreEqual(expected, text.Of([.. ids], FinishReason.StopString), string.Join(' ', ids));
                stopped++;
                break;
            }
        }
        Assert.IsGreaterThan(10, stopped);
    }

    // However many tokens without a text lie between, and however long the run of bytes is that the string ends.
    [TestMethod]
    public void IsStopped_StringSpelledByMoreTokensThanCharacters_IsSeen()
    {
        var tokenizer = Load(Decoders[1]);
        int Id(string token) => tokenizer.IdOf(token)!.Value;
        var text = new RolloutText(tokenizer, new SamplerSettings { StopStrings = ["ab", "€€"] });
        Assert.IsTrue(text.IsStopped([Id("a"), .. Enumerable.Repeat(62, 500), .. Enumerable.Repeat(Id("<pad>"), 500), Id("b")]));
        int[] smile = [Id("<0xF0>"), Id("<0x9F>"), Id("<0x98>"), Id("<0x80>")], euro = [Id("<0xE2>"), Id("<0x82>"), Id("<0xAC>")];
        int[] run = [.. Enumerable.Repeat(smile, 100).SelectMany(s => s), .. euro, .. euro];
        Assert.IsTrue(text.IsStopped(run));
        // One stray byte makes the whole run unreadable, as the reference decodes it.
        Assert.IsFalse(text.IsStopped([smile[1], .. run]));
    }

    [TestMethod]
    [DataRow("ab<end>", "ab")]
    [DataRow("<pad>a<end>", "a")]
    [DataRow("<end>", "")]
    public void Of_SpecialTokenAsStopString_IsTheTextBeforeIt(string spelled, string expected)
    {
        var tokenizer = Load("""{"type":"Fuse"}""");
        var text = new RolloutText(tokenizer, new SamplerSettings { StopStrings = ["<end>"] });
        var ids = tokenizer.Encode(spelled);
        Assert.IsTrue(text.IsStopped(ids));
        Assert.IsFalse(ids.Length > 1 && text.IsStopped(ids.AsSpan(0, ids.Length - 1)));
        Assert.AreEqual(expected, text.Of(ids, FinishReason.StopString));
    }

    // A stop string may begin within a token; of a special one nothing is seen.
    [TestMethod]
    [DataRow("b<end>", "ab <end>", "a")]
    [DataRow("b<end>", "a ab <end>", "aa")]
    [DataRow("b<end>", "a <pad> b <end>", "a")]
    [DataRow("d><end>", "<end> <end>", "")]
    [DataRow("d>b<end>", "a <end> b <end>", "a")]
    [DataRow("d><end>", "a <end> <end>", "a")]
    public void Of_StopStringThatBeginsWithinAToken_IsTheTextBeforeIt(string stop, string tokens, string expected)
    {
        var tokenizer = Load("""{"type":"Fuse"}""");
        var text = new RolloutText(tokenizer, new SamplerSettings { StopStrings = [stop] });
        int[] ids = [.. tokens.Split(' ').Select(t => tokenizer.IdOf(t)!.Value)];
        Assert.IsTrue(text.IsStopped(ids));
        Assert.AreEqual(expected, text.Of(ids, FinishReason.StopString));
    }

    // 40 characters beside a stop string of one, spelled by tokens of which every other shows nothing, up to the first character of a token
    // of 31; and a stop string before which nothing is seen.
    [TestMethod]
    public void IsStopped_LongStringAmongTokensThatShowNothing_IsSeen()
    {
        var tokenizer = Load("""{"type":"Fuse"}""");
        int Id(string token) => tokenizer.IdOf(token)!.Value;
        var text = new RolloutText(tokenizer, new SamplerSettings { StopStrings = ["a", new('b', 40), "€<"] });
        int[] sparse = [.. Enumerable.Repeat((int[])[Id("b"), 62], 39).SelectMany(t => t)];
        Assert.IsFalse(text.IsStopped(sparse));
        Assert.IsTrue(text.IsStopped([.. sparse, Id("b")]));
        Assert.IsTrue(text.IsStopped([.. sparse, Id(Long)]));
        Assert.IsFalse(text.IsStopped([.. sparse[2..], Id(Long)]));
        Assert.IsTrue(text.IsStopped([.. Enumerable.Repeat(62, 200), Id("€"), Id("<")]));
    }

    // "<" stands in the text of a special token, which is invisible: only a stop string that names a whole special token looks at those.
    [TestMethod]
    public void IsStopped_PartOfASpecialToken_IsNotSeen()
    {
        var tokenizer = Load("""{"type":"Fuse"}""");
        var text = new RolloutText(tokenizer, new SamplerSettings { StopStrings = ["<", "end"] });
        Assert.IsFalse(text.IsStopped(tokenizer.Encode("a<end>")));
        Assert.IsTrue(text.IsStopped([tokenizer.IdOf("<")!.Value]));
    }

    // The text before the stop string that ends first, of visible and of special ones.
    private static string? Naive(Tokenizer tokenizer, int[] ids, string[] stops)
    {
        var visible = tokenizer.Decode(ids);
        var cuts = stops.Select(s => visible.IndexOf(s, StringComparison.Ordinal)).Where(i => i >= 0).ToArray();
        var best = cuts.Length > 0 ? visible[..cuts.Min()] : null;
        var whole = tokenizer.Decode(ids, skipSpecial: false);
        foreach (var stop in stops.Where(s => s.Contains("<end>") || s.Contains("<s>")))
        {
            var at = whole.IndexOf(stop, StringComparison.Ordinal);
            if (at < 0)
                continue;
            // Taken token by token: the longest beginning that ends at or before the stop string, and the part of the next token.
            var count = Enumerable.Range(0, ids.Length).Last(n => Begins(tokenizer.Decode(ids.AsSpan(0, n), false)));
            var before = tokenizer.Decode(ids.AsSpan(0, count), false);
            var text = tokenizer.Decode(ids.AsSpan(0, count)) + (tokenizer.SpecialIds.Contains(ids[count]) ? "" : whole[before.Length..at]);
            best = best is null || text.Length < best.Length ? text : best;

            bool Begins(string text) => text.Length <= at && whole.StartsWith(text, StringComparison.Ordinal);
        }
        return best;
    }

    // What is shown is never taken back and is the rollout's text in the end. Left out is the decoder that makes "b" of "aa".
    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(4)]
    [DataRow(5)]
    public void Add_TokenByToken_ShowsTheTextOfTheRollout(int decoder)
    {
        var (random, tokenizer) = (new Random(7 + decoder), Load(Decoders[decoder]));
        int Id(string token) => Array.IndexOf(Tokens, token);
        Shows(tokenizer, [], [Id("<0xE2>"), Id("<0x82>"), Id("<0xAC>"), Id("<0x9F>"), Id("a"), Id("b")]);
        Shows(tokenizer, ["<end>ab"], [Id("b"), Id("<end>"), Id("a"), Id("b")]);
        Shows(tokenizer, ["<end>ab"], [Id("b"), Id("<end>"), Id("a"), Id("a"), Id("b")]);
        for (var round = 0; round < 60; round++)
        {
            string[] stops = [.. Enumerable.Range(0, random.Next(3)).Select(_ => Stops[random.Next(Stops.Length)]).Distinct()];
            int[] kinds = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next(Tokens.Length))];
            Shows(tokenizer, stops, [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => kinds[random.Next(kinds.Length)])]);
        }
    }

    // Piece by piece: what is certain goes out at once, half a character and the beginning of a stop string wait.
    [TestMethod]
    [DataRow(1, "", "a <0xE2> <0x82> <0xAC> b", "a||||€b")]
    [DataRow(1, "", "<0xE2> <0x82> <0xAC> <0x9F> a", "||||\uFFFD\uFFFD\uFFFD\uFFFDa")]
    [DataRow(1, "", "<0xE2> <0x82>", "|", "\uFFFD\uFFFD")]
    [DataRow(0, "", "a â Ĥ ¬ b â", "a|||€|b|", "\uFFFD")]
    [DataRow(1, "b", "ab", "a")]
    [DataRow(1, "ba", "a b b a", "a||b|")]
    [DataRow(1, "ba", "a b", "a|", "b")]
    [DataRow(1, "<end>ab", "b <end> a a", "b|||aa")]
    [DataRow(1, "abc", "a b ab", "||ab", "ab")]
    [DataRow(1, "", "aab <end> aab", "aab||aab")]
    // What a token makes of a text that was shown is not shown: there "aa" is "b".
    [DataRow(3, "", "a a", "a|")]
    public void Add_OfAToken_GivesThePieceThatIsCertain(int decoder, string stops, string tokens, string pieces, string rest = "")
    {
        var tokenizer = Load(Decoders[decoder]);
        var streamed = new StreamedText(tokenizer, stops.Split('|', StringSplitOptions.RemoveEmptyEntries));
        var found = tokens.Split(' ').Select(t => streamed.Add(tokenizer.IdOf(t)!.Value)).ToArray();
        Assert.AreEqual(pieces, string.Join('|', found));
        Assert.AreEqual(stops is "b" or "ba" && rest == "", streamed.IsStopped);
        Assert.AreEqual(rest, streamed.Rest());
    }

    // Of a long text its end alone is decoded, and the pieces are those that the whole gives at every token.
    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    [DataRow(4)]
    [DataRow(5)]
    public void Add_OfManyTokens_GivesThePiecesOfTheWhole(int decoder)
    {
        var (random, tokenizer) = (new Random(23 + decoder), Load(Decoders[decoder]));
        for (var round = 0; round < 12; round++)
        {
            string[] stops = round % 3 == 0 ? [] : [new('b', 70), round % 3 == 1 ? "<end>abababab" : "€€€€€"];
            int[] kinds = [.. Enumerable.Range(0, random.Next(2, 8)).Select(_ => random.Next(Tokens.Length))];
            var (streamed, text) = (new StreamedText(tokenizer, stops), new RolloutText(tokenizer, new() { StopStrings = stops }));
            var (ids, shown) = (new List<int>(), "");
            while (ids.Count < 400 && !streamed.IsStopped)
            {
                ids.Add(kinds[random.Next(kinds.Length)]);
                int[] all = [.. ids];
                var stopped = text.IsStopped(all);
                var known = stopped ? text.Of(all, FinishReason.StopString) : text.Certain(all.AsSpan(0, tokenizer.Settled(all)));
                var expected = known.StartsWith(shown, StringComparison.Ordinal) ? known[shown.Length..] : "";
                shown = expected.Length > 0 ? known : shown;
                Assert.AreEqual(expected, streamed.Add(all[^1]), $"round {round}: {string.Join(' ', ids)}; {string.Join('|', stops)}");
                Assert.AreEqual(stopped, streamed.IsStopped);
            }
            var rest = streamed.IsStopped ? shown : tokenizer.Decode([.. ids]);
            Assert.AreEqual(rest.StartsWith(shown, StringComparison.Ordinal) ? rest[shown.Length..] : "", streamed.Rest());
        }
    }

    // Words, a run of bytes, words: what is decoded again grows with the run alone, and not at all where the whole must be looked at.
    [TestMethod]
    public void Add_OfManyTokens_KeepsAFew()
    {
        // 64 tokens, and 64 more until there are as many.
        Assert.AreEqual((127, 127, 127), Kept(Decoders[0], []));
        Assert.AreEqual((127, 127, 127), Kept(Decoders[2], []));
        // The run begins behind 600 = 512 + 88 tokens.
        Assert.AreEqual((127, 288, 127), Kept(Decoders[1], []));
        Assert.AreEqual((600, 800, 1400), Kept(Decoders[3], []));
        Assert.AreEqual((427, 427, 427), Kept(Decoders[0], ["zz", new('x', 150)]));

        // The most that was kept of 600 words, of 200 bytes behind them, and of 600 words more.
        static (int, int, int) Kept(string decoder, string[] stops)
        {
            var (tokenizer, most) = (Load(decoder), new int[3]);
            int Id(string token) => tokenizer.IdOf(token)!.Value;
            var streamed = new StreamedText(tokenizer, stops);
            for (var i = 0; i < 1400; i++)
            {
                var part = i < 600 ? 0 : i < 800 ? 1 : 2;
                if (i is 600 or 900)
                    most[part] = 0;
                streamed.Add(part == 1 ? Id("<0x61>") : i % 3 == 0 ? Id("▁a") : Id("ba"));
                most[part] = Math.Max(most[part], streamed.Kept);
            }
            return (most[0], most[1], most[2]);
        }
    }

    private static void Shows(Tokenizer tokenizer, string[] stops, int[] ids)
    {
        var (streamed, shown, count) = (new StreamedText(tokenizer, stops), "", 0);
        while (count < ids.Length && !streamed.IsStopped)
            shown += streamed.Add(ids[count++]);
        shown += streamed.Rest();
        var whole = new RolloutText(tokenizer, new SamplerSettings { StopStrings = stops })
            .Of(ids.AsSpan(0, count), streamed.IsStopped ? FinishReason.StopString : FinishReason.Length);
        Assert.AreEqual(whole, shown, $"{string.Join(' ', ids[..count].Select(i => Tokens[i]))}; stops {string.Join('|', stops)}");
    }

    private static Tokenizer Load(string decoder)
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-stop-");
        try
        {
            var vocabulary = new JsonObject();
            foreach (var token in Tokens)
                vocabulary[token] = vocabulary.Count;
            var added = Tokens.Take(3)
                .Select((t, i) => (JsonNode)new JsonObject { ["id"] = i, ["content"] = t, ["special"] = true, ["normalized"] = false });
            var file = new JsonObject
            {
                ["added_tokens"] = new JsonArray([.. added]),
                ["decoder"] = JsonNode.Parse(decoder),
                ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
            };
            File.WriteAllText(Path.Combine(folder.FullName, "tokenizer.json"), file.ToJsonString());
            return Tokenizer.Load(folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
