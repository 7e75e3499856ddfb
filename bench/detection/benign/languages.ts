import { paired, values } from './values.ts';

const SENTENCES = values`
Der Zähler im Keller läuft rückwärts; ist das so richtig?
Ich hab's dem Hausmeister gesagt: „Das geht so nicht!“ – und er hat gelacht.
Bitte wählen Sie den Tarif aus der Tabelle; die Miete beträgt 500,00 € (kalt).
Wo ist die Union? Update folgt, Tabelle siehe Anhang; Order Nr. 12.
Größe: 5 m², Höhe < 3 m, Preis > 100 €, Straße: Am Bühl 3/4.
Könnt ihr das bis 12:00 Uhr erledigen & zurückrufen (0171/123456)?
's ist kalt; d'r Ofen geht net.
L'électricité de l'immeuble n'a pas été relevée aujourd'hui ; c'est l'heure d'agir !
Aujourd'hui, j'ai vu qu'il n'y avait pas d'eau chaude ; qu'en est-il de l'ascenseur ?
Le compteur n° 12 (2e étage) indique « ERR-04 » : qu'est-ce que c'est ?
Prix : 1 200,50 € ; TVA : 20 % ; total : 1 440,60 €.
S'il vous plaît, n'oubliez pas l'école d'à côté, l'an dernier c'était d'accord.
Ou bien lundi, ou bien mardi : c'est selon l'humeur d'Anne-Sophie.
¿Por qué el contador n.º 3 marca 0? ¡No puede ser!
La tabla de tarifas está mal; seleccione otra "opción", por favor.
Unión de vecinos: reunión el 3/4 a las 20:00 (sala 'B').
El precio subió de 5 € a 7 € (¡un 40 %!), ¿quién lo entiende?
O contador não está a funcionar; já são 3 dias sem água!
A união dos moradores d'Os Lagos fica na Rua 25 de Abril, n.º 5 - 2.º esq.
Não há luz no 1.º andar; o Sr. D'Ávila já ligou 2x.
Preço: R$ 1.200,50 + 10% = R$ 1.320,55; está certo?
Sayaç 3 gündür çalışmıyor; İstanbul'daki ofisi aradım, kimse açmadı.
Ankara'ya gidiyorum, Ayşe'nin sayacını Ali'ye sorun lütfen!
Elektrik %18 KDV dâhil 1.250,75 ₺ olmuş; bu doğru mu?
Kat: 3, Daire: 5/A; "Öğretmenler Sitesi" No'lu blok.
Licznik w piwnicy nie działa; proszę o pilny kontakt (tel. 600-100-200)!
Cena wzrosła z 5 zł do 7 zł, czyli o 40% – dlaczego?
Ul. Świętego Wojciecha 3/4, m. 12; domofon: „Żółkiewski”.
Wybierz taryfę z tabeli lub zadzwoń; unia mieszkańców jest na parterze.
Счётчик на 2-м этаже показывает «Err; 04» — что это значит?
Объединение жильцов: собрание 3.4 в 20:00 (зал "Б"); приходите!
Цена выросла с 5 ₽ до 7 ₽ (на 40%!), почему?
Выберите тариф из таблицы, где указано ваше имя; спасибо.
العداد في الطابق الثاني لا يعمل منذ ٣ أيام؛ ما الحل؟
السعر ١٬٢٠٠٫٥٠ ريال + ١٥٪ ضريبة؛ هل هذا صحيح؟
شكراً جزيلاً! (سأتصل غداً صباحاً)
दूसरी मंज़िल का मीटर 3 दिन से बंद है; कृपया देखें!
कीमत ₹1,200.50 + 18% = ₹1,416.59; क्या यह सही है?
धन्यवाद :-) कल मिलते हैं (सुबह 10 बजे)।
二楼的电表已经三天没有读数了；请问怎么办？
价格从5元涨到7元（涨了40%！），为什么？
请选择"居民"电价；谢谢（李先生）。
用户名：王小明，房号：3-402，电话：138-0000-0000
２階のメーターが動きません。どうすればいいですか？
料金は１，２００円（税込）です；正しいでしょうか？
山田様（３０２号室）より：「水が出ない」とのことです。
ﾒｰﾀｰ番号：１２３－４５６、氏名：ﾔﾏﾀﾞ ﾀﾛｳ
계량기가 3일째 작동하지 않아요; 확인 부탁드립니다!
가격: 1,200원 (부가세 10% 포함) – 맞나요?
L'acqua non c'è da ieri; dov'è l'idraulico? C'è un po' di ritardo...
Un'altra volta? Non è possibile: l'ascensore dell'edificio "D'Annunzio" è rotto!
's Morgens is 't koud; m'n meter doet 't niet & de buurman z'n cv ook niet.
Zo'n 50% van de foto's en auto's is weg; wie weet 'r meer van?
Mätaren på vån. 2 visar "Fel: 04"; vad är det?
Måleren i kjelleren går baklengs; er det riktig? Pris: 1 200,50 kr.
Mittari 2. kerroksessa ei toimi; mitä pitäisi tehdä? Hinta: 1 200,50 €.
Ο μετρητής στον 2ο όροφο δεν λειτουργεί· τι να κάνω;
המונה בקומה 2 לא עובד; מה לעשות? המחיר עלה ב-40%!
มิเตอร์ชั้น 2 ไม่ทำงาน 3 วันแล้ว; ทำอย่างไรดี?
Đồng hồ tầng 2 không chạy 3 ngày rồi; phải làm sao?
Měřák ve 2. patře nejde; co s tím? Cena: 1 200,50 Kč (vč. DPH).
A 2. emeleti óra nem működik; mi a teendő? Ár: 1 200,50 Ft.
Лічильник на 2-му поверсі не працює; п'ять днів без об'єктивних даних!
Contorul de la etajul 2 nu merge; ce-i de făcut? N-am apă dintr-o dată.
Brojilo na 2. katu ne radi; što učiniti? Cijena: 1.200,50 €.
कृपया 'मीटर' शब्द को "Meter" से बदलें।
😀😃 Super! 👍🏽 Danke ❤️ (bis später 👋)
`;

/** Sentences of people in many languages, with the apostrophes, quotes and marks that each of them has. */
export const languages: readonly string[] = [
  ...SENTENCES,
  ...SENTENCES.map((sentence) => sentence.toUpperCase()),
  ...SENTENCES.map((sentence) => sentence.normalize('NFD')),
  ...paired(SENTENCES, [...SENTENCES.slice(1), ...SENTENCES.slice(0, 1)], (one, other) => `${one} ${other}`),
  ...paired(SENTENCES, [...SENTENCES.slice(9), ...SENTENCES.slice(0, 9)], (one, other) => `${one}\n${other}`),
];
