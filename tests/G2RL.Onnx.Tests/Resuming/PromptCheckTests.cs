using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Problems.Mixtures;
using G2RL.Onnx.Problems.Prompts;

namespace G2RL.Onnx.Tests.Resuming;

/// <summary>Every prompt is looked at before a run begins. A token is a character here; 'x' is one that the tokenizer lacks.</summary>
[TestClass]
public sealed class PromptCheckTests
{
    [TestMethod]
    public void Run_AllPromptsFit_LeavesTheSetAsItIs()
    {
        var set = Set("1", "22", "333");
        var result = Check(3, TooLong.Refuse).Run(set, 5, 2, 0, 1);
        Assert.AreSame(set, result.Set);
        Assert.IsEmpty(result.Notes);
        Assert.AreEqual(4, result.Count);
    }

    [TestMethod]
    public void Run_LongPromptsAndUnknownCharacters_AreAllToldAtOnce()
    {
        var message = Assert.ThrowsExactly<InputException>(() =>
            Check(3, TooLong.Refuse).Run(Set("1", "4444", "x", "55555", ""), 5, 2, 0, 1)).Message;
        StringAssert.Contains(message, "2 of 6 prompts have more than sampling.maxPromptTokens (3) tokens: t1 (4), t3 (5). "
            + "Raise it to 5, or set problems.tooLong to skip, which leaves them out.");
        StringAssert.Contains(message, "2 of 6 prompts cannot become tokens. Mend those rows, or remove them:");
        StringAssert.Contains(message, "- t2: no token 'x'");
        StringAssert.Contains(message, "- t4: the prompt has no tokens");
        // Skipping is for length alone.
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Check(3, TooLong.Skip).Run(Set("1", "x"), 5, 2, 0, 1)).Message,
            "t1: no token 'x'");
    }

    [TestMethod]
    [DataRow(5, "")]
    [DataRow(6, " and 1 more")]
    [DataRow(7, " and 2 more")]
    public void Run_ManyFaults_NamesTheFirstFive(int count, string more)
    {
        string Refused(string prompt) => Assert.ThrowsExactly<InputException>(() =>
            Check(3, TooLong.Refuse).Run(Set([.. Enumerable.Repeat(prompt, count)]), 5, 2, 0, 1)).Message;
        StringAssert.Contains(Refused("4444"), $"t0 (4), t1 (4), t2 (4), t3 (4), t4 (4){more}. Raise it to 4");
        StringAssert.EndsWith(Refused("x"), $"- t4: no token 'x'{more}");
    }

    // Of a long run's problems, made up as they are asked for, the first 20,000 are looked at; held out are those that are evaluated.
    [TestMethod]
    public void Run_MadeUpProblems_LooksAtAsManyAsItSays()
    {
        var set = new MadeUpProblems();
        Assert.AreEqual(20_001, Check(9, TooLong.Refuse).Run(set, steps: 10_500, perStep: 2, 0, heldOut: 7).Count);
        Assert.AreEqual(9_999, set.Asked.Max(a => a.Step));
        CollectionAssert.AreEqual(new[] { 7 }, set.HeldOutAsked);
        Assert.AreEqual(161, Check(9, TooLong.Refuse).Run(new MadeUpProblems(), steps: 20, perStep: 8, 0, heldOut: 7).Count);
        // A step of more than these is looked at as a whole.
        Assert.AreEqual(30_001, Check(9, TooLong.Refuse).Run(new MadeUpProblems(), steps: 20, perStep: 30_000, 0, heldOut: 7).Count);
    }

    [TestMethod]
    public void Run_HeldOutPromptTooLong_IsToldThoughFewerAreEvaluated() =>
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() =>
            Check(3, TooLong.Refuse).Run(Set(["1"], ["2", "99999"]), 5, 1, 0, heldOut: 1)).Message, "h1 (5)");

    // As if the rows had never been there: the same batches, the same identity.
    [TestMethod]
    public void Run_Skip_EqualsASetWithoutThem()
    {
        var skipped = Check(3, TooLong.Skip).Run(Set("1", "4444", "22", "333", "55555"), 5, 2, 0, 1);
        var without = Check(3, TooLong.Refuse)
            .Run(new FunctionProblemSet("s", [P("t0", "1"), P("t2", "22"), P("t3", "333")], [P("h0", "0")], Judge), 5, 2, 0, 1);
        Assert.AreEqual("2 of 6 problems are left out (problems.tooLong is skip): "
            + "their prompts have more than sampling.maxPromptTokens (3) tokens, among them t1, t4.", skipped.Notes.Single());
        Assert.AreEqual((without.TrainingHash, without.HeldOutHash, 4), (skipped.TrainingHash, skipped.HeldOutHash, skipped.Count));
        for (var step = 0; step < 10; step++)
            CollectionAssert.AreEqual(without.Set.Batch(step, 2, 7).ToArray(), skipped.Set.Batch(step, 2, 7).ToArray());
    }

    [TestMethod]
    public void Run_SkipLeavesNothing_IsRefused()
    {
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Check(3, TooLong.Skip).Run(Set("4444"), 5, 1, 0, 1)).Message,
            "of 1 training and 1 held-out problems 0 and 1 have prompts of at most");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Check(3, TooLong.Skip).Run(Set(["1"], ["4444"]), 5, 1, 0, 1)).Message,
            "1 and 0");
    }

    [TestMethod]
    public void Run_FileSkip_LeavesTheRowOut()
    {
        var file = Path.GetTempFileName() + ".jsonl";
        File.WriteAllLines(
            file,
            Enumerable.Range(0, 40).Select(i => $$"""{"prompt": "{{new string('7', (i % 5) + 1)}}{{i}}", "answer": "1"}"""));
        var all = new FileProblems(new() { Train = file, HeldOutFraction = 0.3 });
        // Numbers below 10 have a digit, the others two: of i % 5 = 4 all but i = 4 and 9 are too long for six.
        var kept = Check(6, TooLong.Skip).Run(all, 5, 2, 0, 3);
        File.Delete(file);
        Assert.AreEqual(34, kept.Count);
        Assert.IsTrue(kept.Set.Training!.Concat(kept.Set.HeldOut(int.MaxValue)).All(p => p.Prompt.Length <= 6));
        Assert.HasCount(40, all.Training.Concat(all.HeldOut(int.MaxValue)));
    }

    // What a step draws is drawn beforehand; where some do not fit others take their places, the same at every call.
    [TestMethod]
    public void Run_MadeUpProblemsSkip_DrawsOthersInTheirPlaces()
    {
        var set = new Arithmetic(new());
        var result = Check(8, TooLong.Skip).Run(set, 20, 8, 3, 50);
        StringAssert.Contains(result.Notes.Single(), "are left out");
        for (var step = 0; step < 20; step++)
        {
            var (batch, again) = (result.Set.Batch(step, 8, 3), result.Set.Batch(step, 8, 3));
            CollectionAssert.AreEqual(batch.ToArray(), again.ToArray());
            Assert.HasCount(8, batch.Select(p => p.Id).Distinct());
            Assert.IsTrue(batch.All(p => p.Prompt.Length <= 8));
            CollectionAssert.IsSubsetOf(set.Batch(step, 8, 3).Where(p => p.Prompt.Length <= 8).ToArray(), batch.ToArray());
        }
        CollectionAssert.AreEqual(
            set.HeldOut(50).Where(p => p.Prompt.Length <= 8).ToArray(), result.Set.HeldOut(50).ToArray());
        Assert.IsNotEmpty(result.Set.HeldOut(50));
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Check(8, TooLong.Refuse).Run(set, 20, 8, 3, 50)).Message,
            "arithmetic/");
    }

    // The identity of a run that is prolonged stays: it is of the first step's problems, though fewer than a batch fit.
    [TestMethod]
    public void Run_MadeUpProblemsSkip_HashIsOfTheFirstStepAlone()
    {
        var set = new Arithmetic(new());
        var first = set.Batch(0, 8, 3).Count(p => p.Prompt.Length <= 8);
        Assert.IsTrue(first is > 0 and < 8, $"{first}");
        var hashes = new[] { 1, 2, 20 }.Select(steps => Check(8, TooLong.Skip).Run(set, steps, 8, 3, 50).TrainingHash);
        Assert.HasCount(1, hashes.Distinct());
    }

    [TestMethod]
    public void FittingProblems_FewerThanABatch_Repeat()
    {
        var set = Set([.. Enumerable.Range(1, 20).Select(i => $"{i}")]);
        var batch = new FittingProblems(set, p => p.Prompt.Length == 1).Batch(0, 12, 1);
        Assert.HasCount(12, batch);
        Assert.HasCount(9, batch.Distinct());
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => new FittingProblems(set, _ => false).Batch(0, 12, 1)).Message,
            "no problem of 's' was found that fits sampling.maxPromptTokens");
        Assert.IsEmpty(new FittingProblems(set, _ => false).Batch(0, 0, 1));
    }

    [TestMethod]
    public void FittingProblems_OtherSeeds_DrawOtherProblemsInTheirPlaces()
    {
        ulong[] Rounds(ulong seed)
        {
            var set = new MadeUpProblems();
            _ = new FittingProblems(set, p => !p.Id.EndsWith($"/{seed}", StringComparison.Ordinal)).Batch(4, 2, seed);
            Assert.IsTrue(set.Asked.All(a => a is { Step: 4, Count: 2 }));
            return [.. set.Asked.Select(a => a.Seed)];
        }
        var (first, second) = (Rounds(1), Rounds(3));
        Assert.AreEqual((2, 1UL, 2, 3UL), (first.Length, first[0], second.Length, second[0]));
        Assert.AreNotEqual(first[1], second[1]);
    }

    [TestMethod]
    public void Run_NothingToTrainOn_IsRefusedInItsOwnWords()
    {
        var file = Path.GetTempFileName() + ".jsonl";
        File.WriteAllLines(file, ["{\"prompt\": \"1\", \"answer\": \"1\"}"]);
        var bare = new FileProblems(new() { HeldOut = file }, "bare");
        var mixture = new Mixture(
            new() { Sources = [new() { Set = "a", Weight = 1000 }, new() { Set = "b", Weight = 0.001 }] },
            source => source.Set == "a" ? Set("2") : bare);
        var both = new Mixture(new() { Sources = [new() { Set = "a", Weight = 1 }, new() { Set = "b", Weight = 1 }] }, _ => bare);
        File.Delete(file);
        Assert.AreEqual(1, Check(3, TooLong.Refuse).RunHeldOut(bare, 9).Count);
        foreach (var (set, words) in new (IProblemSet, string)[]
        {
            (bare, "'bare' has no training problems, only held-out ones. Give problems.settings.train"),
            (mixture, "Source 'b' of the mixture has no training problems"),
            (both, "Source 'a' of the mixture has no training problems"),
        })
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => Check(3, TooLong.Refuse).Run(set, 5, 2, 0, 1)).Message, words);
    }

    [TestMethod]
    public void Hash_OfAnotherOrderAnswerOrToken_IsAnother()
    {
        string Hash(PromptCheck check, params Problem[] train) =>
            check.Run(new FunctionProblemSet("s", train, [P("h0", "0")], Judge), 1, 1, 0, 1).TrainingHash;
        var check = Check(9, TooLong.Refuse);
        var first = Hash(check, P("a", "1"), P("b", "2"));
        Assert.AreEqual(first, Hash(check, P("a", "1"), P("b", "2")));
        string[] others =
        [
            Hash(check, P("b", "2"), P("a", "1")),
            Hash(check, P("a", "1"), P("b", "2") with { Answer = "3" }),
            Hash(check, P("a", "1")),
            Hash(new PromptCheck(p => [.. p.Prompt.Select(c => c + 1)], 9, TooLong.Refuse, 1), P("a", "1"), P("b", "2")),
        ];
        CollectionAssert.DoesNotContain(others, first);
        CollectionAssert.AllItemsAreUnique(others);
    }

    [TestMethod]
    public void RunHeldOut_SkipTakesOthersInTheirPlaces_AndRefusesOnlyWhatIsAskedFor()
    {
        var set = Set(["1"], ["2", "99999", "3", "x"]);
        CollectionAssert.AreEqual(
            new[] { "2" },
            Check(3, TooLong.Refuse).RunHeldOut(set, 1).Set.HeldOut(1).Select(p => p.Prompt).ToArray());
        Assert.ThrowsExactly<InputException>(() => Check(3, TooLong.Refuse).RunHeldOut(set, 2));
        set = Set(["1"], ["2", "99999", "88888", "3"]);
        CollectionAssert.AreEqual(
            new[] { "2", "3" },
            Check(3, TooLong.Skip).RunHeldOut(set, 2).Set.HeldOut(2).Select(p => p.Prompt).ToArray());
        var (skipped, without) = (
            Check(3, TooLong.Skip).RunHeldOut(set, 4),
            Check(3, TooLong.Refuse).RunHeldOut(new FunctionProblemSet("s", [P("t0", "1")], [P("h0", "2"), P("h3", "3")], Judge), 4));
        Assert.AreEqual((without.HeldOutHash, 2, ""), (skipped.HeldOutHash, skipped.Count, skipped.TrainingHash));
        Assert.AreEqual(2, without.Count);
    }

    [TestMethod]
    public void Run_ManyPrompts_TellsHowFar()
    {
        var (last, calls) = (0, 0);
        var set = Set([.. Enumerable.Range(1, 999).Select(i => $"{i}")], ["0"]);
        new PromptCheck(Encode, 3, TooLong.Refuse, 2, (done, of) =>
        {
            Interlocked.Increment(ref calls);
            Interlocked.Exchange(ref last, of);
        }).Run(set, 1, 1, 0, 1);
        Assert.AreEqual(1000, last);
        Assert.AreEqual(200, calls);
    }

    private static PromptCheck Check(int most, TooLong tooLong) => new(Encode, most, tooLong, 2);

    private static int[] Encode(Problem problem) =>
        problem.Prompt.Contains('x') ? throw new InputException("no token 'x'") : [.. problem.Prompt.Select(c => (int)c)];

    private static FunctionProblemSet Set(params string[] train) => Set(train, ["0"]);

    private static FunctionProblemSet Set(string[] train, string[] heldOut) =>
        new(
            "s",
            [.. train.Select((t, i) => P($"t{i}", t))],
            [.. heldOut.Select((t, i) => P($"h{i}", t)).Where(p => !train.Contains(p.Prompt))],
            Judge);

    private static Problem P(string id, string prompt) => new(id, prompt, "");

    private static Outcome Judge(Problem problem, string text) => Outcome.Judged(true);
}
